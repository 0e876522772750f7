// The linear layer, a tile of rows × columns a workgroup.
//
//     out = act(in · Wᵀ + b) + R,   in [M, K], W [N, K], b [N], R [M, N]
//
// For GPUs: both operands are staged in workgroup memory.

{% include "products/linear_operands.wgsl" %}

{% include "products/product.workgroup.wgsl" %}
