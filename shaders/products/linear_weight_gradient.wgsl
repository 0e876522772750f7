// The gradient of a linear layer's weight, four × four of its elements an invocation.
//
//     out[n, k] = Σ_m gradient[m, n] · in[m, k],   gradient [M, N], in [M, K]
//
// For devices without anything better: neither workgroup memory nor subgroups.

{% include "products/linear_weight_gradient_operands.wgsl" %}

{% include "products/of_columns.wgsl" %}
