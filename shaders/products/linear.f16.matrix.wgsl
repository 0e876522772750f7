// The linear layer of halves, added up in f32 by matrix units.
//
//     out = act(in · Wᵀ + b) + R,   in [M, K] and W [N, K] of f16, b [N] and R [M, N] of f32
//
// For GPUs with matrix units: both operands are staged in workgroup memory, where sums come back for what follows them.

enable f16;
enable wgpu_cooperative_matrix;

{% include "products/linear_operands.wgsl" %}

{% include "products/product.matrix.wgsl" %}
