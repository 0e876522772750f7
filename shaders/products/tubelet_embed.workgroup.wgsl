// The tubelet embedding, a tile of tokens × columns a workgroup.
//
//     out[b, i, j, k, :] = Σ_{c, τ, y, x} clip[b, i·t + τ, c, j·h + y, k·w + x] · W[:, c, τ, y, x] + bias
//
// For GPUs: tubelets are unfolded into workgroup memory only, a step at a time.

{% include "products/tubelet_embed_operands.wgsl" %}

{% include "products/product.workgroup.wgsl" %}
