// A step of stochastic gradient descent, an invocation an element.
//
//     v ← β·v + g        velocity, momentum β, gradient
//     θ ← θ − rate·v     value
//
// Without momentum there is no velocity: θ ← θ − rate·g. The rate multiplies the velocity and is not folded into it. It is
// an operand of one element, for it changes from step to step. Four words are moved for four operations: memory decides.

struct Uniform {
    elements: u32,  // of this launch
    momentum: f32,  // β
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;        // [M, C]
@group(0) @binding(2) var<storage, read> rate: array<f32>;            // [1]
@group(0) @binding(3) var<storage, read_write> value: array<f32>;     // [M, C]
@group(0) @binding(4) var<storage, read_write> velocity: array<f32>;  // [M, C]

const INVOCATIONS: u32 = {{ invocations }}u;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let element = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    if element >= call.elements {
        return;
    }
{% if momentum %}
    let direction = call.momentum * velocity[element] + gradient[element];
    velocity[element] = direction;
{% else %}
    let direction = gradient[element];
{% endif %}
    value[element] -= rate[0] * direction;
}
