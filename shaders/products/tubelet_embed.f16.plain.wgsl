// The tubelet embedding of halves, added up in f32.
//
//     out[b, i, j, k, :] = Σ_{c, τ, y, x} clip[b, i·t + τ, c, j·h + y, k·w + x] · W[:, c, τ, y, x] + bias
//
// For devices without anything better: halves are made floats as they are loaded.

enable f16;

{% include "products/tubelet_embed.wgsl" %}
