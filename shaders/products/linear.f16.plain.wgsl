// The linear layer of halves, added up in f32.
//
//     out = act(in · Wᵀ + b) + R,   in [M, K] and W [N, K] of f16, b [N] and R [M, N] of f32
//
// For devices without anything better: halves are made floats as they are loaded.

enable f16;

{% include "products/linear.wgsl" %}
