// The gradient of a linear layer's weight, 64 × 64 of its elements a workgroup.
//
//     out[n, k] = Σ_m gradient[m, n] · in[m, k],   gradient [M, N], in [M, K]
//
// For GPUs: operands go through workgroup memory.

{% include "products/linear_weight_gradient_operands.wgsl" %}

{% include "products/of_columns.workgroup.wgsl" %}
