// Attention with queries, keys and values of halves; scores, softmax and sums are f32.
//
//     out[i, h, :] = Σ_j softmax_j(q[i, h, :] · k[j, h, :] / √D) · v[j, h, :]     over the keys j that query i sees
//
// For devices without anything better: halves are made floats as they are loaded.

enable f16;

{% include "attention/forward.wgsl" %}
