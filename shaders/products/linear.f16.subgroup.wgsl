// The linear layer of halves, added up in f32.
//
//     out = act(in · Wᵀ + b) + R,   in [M, K] and W [N, K] of f16, b [N] and R [M, N] of f32
//
// For software devices: halves are loaded as words, made floats, and multiplied as floats.

enable f16;

{% include "products/linear.subgroup.wgsl" %}
