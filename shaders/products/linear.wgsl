// The linear layer, four rows × four columns an invocation.
//
//     out = act(in · Wᵀ + b) + R,   in [M, K], W [N, K], b [N], R [M, N]
//
// For devices without anything better: neither workgroup memory nor subgroups.

{% include "products/linear_operands.wgsl" %}

{% include "products/product.wgsl" %}
