// The tubelet embedding of halves, added up in f32.
//
//     out[b, i, j, k, :] = Σ_{c, τ, y, x} clip[b, i·t + τ, c, j·h + y, k·w + x] · W[:, c, τ, y, x] + bias
//
// For GPUs: halves in storage and in workgroup memory, multiplied and added up as floats.

enable f16;

{% include "products/tubelet_embed.workgroup.wgsl" %}
