// The linear layer, up to 64 rows × four columns a lane, a subgroup a tile.
//
//     out = act(in · Wᵀ + b) + R,   in [M, K], W [N, K], b [N], R [M, N]
//
// For software devices: sums in registers, rows shared by broadcast.

{% include "products/linear_operands.wgsl" %}

{% include "products/product.subgroup.wgsl" %}
