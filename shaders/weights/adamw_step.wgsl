// A step of AdamW, an invocation an element.
//
//     g = factor·gradient
//     m ← β₁·m + (1 − β₁)·g              first moment
//     u ← β₂·u + (1 − β₂)·g²             second moment
//     θ ← θ − rate·(decay·θ + m·c₁ / (√(u·c₂) + ε))
//
// The corrections c₁ = 1/(1 − β₁ᵗ) and c₂ = 1/(1 − β₂ᵗ) of step t undo that both moments begin at 0. They, the rate and the
// factor, which clips the gradient, are operands, for they change from step to step. That θ decays before it steps comes to
// the same. 1 − β is sent beside β, whose own rounding is 13 millionths of 1 − 0.999. Seven words are moved for a dozen
// operations: memory decides.

struct Uniform {
    elements: u32,      // of this launch
    first_kept: f32,    // β₁
    first_added: f32,   // 1 − β₁
    second_kept: f32,   // β₂
    second_added: f32,  // 1 − β₂
    epsilon: f32,
    decay: f32,
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;             // [M, C]
@group(0) @binding(2) var<storage, read> rate: array<f32>;                 // [1]
@group(0) @binding(3) var<storage, read> corrections: array<f32>;          // [2]
@group(0) @binding(4) var<storage, read_write> value: array<f32>;          // [M, C]
@group(0) @binding(5) var<storage, read_write> first_moment: array<f32>;   // [M, C]
@group(0) @binding(6) var<storage, read_write> second_moment: array<f32>;  // [M, C]
@group(0) @binding(7) var<storage, read> factor: array<f32>;               // [1], or none

fn update(element: u32) {
    var slope = gradient[element];
{% if clipped %}
    slope *= factor[0];
{% endif %}
    let first = call.first_kept * first_moment[element] + call.first_added * slope;
    let second = call.second_kept * second_moment[element] + call.second_added * slope * slope;
    first_moment[element] = first;
    second_moment[element] = second;
    let direction = first * corrections[0] / (sqrt(second * corrections[1]) + call.epsilon);
    value[element] -= rate[0] * (call.decay * value[element] + direction);
}

{% include "weights/elements.wgsl" %}
