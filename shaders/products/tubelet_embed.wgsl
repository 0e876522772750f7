// The tubelet embedding, four tokens × four columns an invocation.
//
//     out[b, i, j, k, :] = Σ_{c, τ, y, x} clip[b, i·t + τ, c, j·h + y, k·w + x] · W[:, c, τ, y, x] + bias
//
// For devices without anything better: neither workgroup memory nor subgroups. The clip is read where it lies.

{% include "products/tubelet_embed_operands.wgsl" %}

{% include "products/product.wgsl" %}
