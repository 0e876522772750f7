// Attention with queries, keys and values of halves; scores, softmax and sums are f32.
//
//     out[i, h, :] = Σ_j softmax_j(q[i, h, :] · k[j, h, :] / √D) · v[j, h, :]     over the keys j that query i sees
//
// For GPUs: halves in storage and in workgroup memory, multiplied and added up as floats.

enable f16;

{% include "attention/forward.workgroup.wgsl" %}
