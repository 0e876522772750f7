// The gradient of the tubelet embedding's weight, 64 × 64 of its elements a workgroup.
//
//     out[c, k] = Σ_m gradient[m, c] · clip[start(m) + place(k)],   m over the B·T·S tokens, k over the P·t·h·w elements
//     of a tubelet
//
// For GPUs: operands go through workgroup memory, those of the clip from where they lie.

{% include "products/tubelet_embed_weight_gradient_operands.wgsl" %}

{% include "products/of_columns.workgroup.wgsl" %}
