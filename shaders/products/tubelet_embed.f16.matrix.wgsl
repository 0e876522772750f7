// The tubelet embedding of halves, added up in f32 by matrix units.
//
//     out[b, i, j, k, :] = Σ_{c, τ, y, x} clip[b, i·t + τ, c, j·h + y, k·w + x] · W[:, c, τ, y, x] + bias
//
// For GPUs with matrix units: tubelets are unfolded into workgroup memory only, a step at a time.

enable f16;
enable wgpu_cooperative_matrix;

{% include "products/tubelet_embed_operands.wgsl" %}

{% include "products/product.matrix.wgsl" %}
