// The linear layer of halves, added up in f32.
//
//     out = act(in · Wᵀ + b) + R,   in [M, K] and W [N, K] of f16, b [N] and R [M, N] of f32
//
// For GPUs: halves in storage and in workgroup memory, multiplied and added up as floats.

enable f16;

{% include "products/linear.workgroup.wgsl" %}
