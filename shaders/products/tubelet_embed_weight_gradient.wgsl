// The gradient of the tubelet embedding's weight, four × four of its elements an invocation.
//
//     out[c, k] = Σ_m gradient[m, c] · clip[start(m) + place(k)],   m over the B·T·S tokens, k over the P·t·h·w elements
//     of a tubelet
//
// For devices without anything better: neither workgroup memory nor subgroups. The clip is read where it lies, unfolded
// nowhere.

{% include "products/tubelet_embed_weight_gradient_operands.wgsl" %}

{% include "products/of_columns.wgsl" %}
