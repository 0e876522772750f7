// The tubelet embedding, up to 64 tokens × four columns a lane, a subgroup a tile.
//
//     out[b, i, j, k, :] = Σ_{c, τ, y, x} clip[b, i·t + τ, c, j·h + y, k·w + x] · W[:, c, τ, y, x] + bias
//
// For software devices: sums in registers, tokens shared by broadcast. The clip is read where it lies.

{% include "products/tubelet_embed_operands.wgsl" %}

{% include "products/product.subgroup.wgsl" %}
