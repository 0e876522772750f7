// A step of stochastic gradient descent, an invocation an element.
//
//     v ← β·v + g                    velocity, momentum β
//     θ ← θ − rate·v                 value
//     g = factor·gradient + decay·θ
//
// Without momentum there is no velocity: θ ← θ − rate·g. The rate multiplies the velocity and is not folded into it. Rate
// and factor, which clips the gradient, are operands of one element, for they change from step to step. Four words are
// moved for a few operations: memory decides.

struct Uniform {
    elements: u32,  // of this launch
    momentum: f32,  // β
    decay: f32,
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;        // [M, C]
@group(0) @binding(2) var<storage, read> rate: array<f32>;            // [1]
@group(0) @binding(3) var<storage, read_write> value: array<f32>;     // [M, C]
@group(0) @binding(4) var<storage, read_write> velocity: array<f32>;  // [M, C]
@group(0) @binding(5) var<storage, read> factor: array<f32>;          // [1], or none

fn update(element: u32) {
    var direction = gradient[element];
{% if clipped %}
    direction *= factor[0];
{% endif %}
{% if decay %}
    direction += call.decay * value[element];
{% endif %}
{% if momentum %}
    direction += call.momentum * velocity[element];
    velocity[element] = direction;
{% endif %}
    value[element] -= rate[0] * direction;
}

{% include "weights/elements.wgsl" %}
