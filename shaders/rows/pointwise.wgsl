// A step of its own, element by element, where nothing could absorb it: an activation, or the sum of two tensors.
//
//     out[e] = activation(in[e])      or      out[e] = in[e] + addend[e]
//
// An invocation takes four elements a workgroup apart: neighbouring invocations read neighbours.

struct Uniform {
    elements: u32,    // of this launch
    activation: u32,  // see common/activation.wgsl
    summed: u32,      // 1 where the addend is added
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // [M, C]
@group(0) @binding(2) var<storage, read> addend: array<f32>;         // [M, C]
@group(0) @binding(3) var<storage, read_write> output: array<f32>;   // [M, C]

const INVOCATIONS: u32 = {{ invocations }}u;

{% include "common/activation.wgsl" %}

fn value_at(element: u32) -> f32 {
    return input[min(element, call.elements - 1u)];
}

fn store(element: u32, activated: f32) {
    if element >= call.elements {
        return;
    }
    var value = activated;
    if call.summed == 1u {
        value += addend[element];
    }
    output[element] = value;
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.x + group.y * groups.x) * 4u * INVOCATIONS + lane;
    let element = first + vec4(0u, 1u, 2u, 3u) * INVOCATIONS;
    let values = vec4(value_at(element.x), value_at(element.y), value_at(element.z), value_at(element.w));
    let activated = activate(values, call.activation);
    store(element.x, activated.x);
    store(element.y, activated.y);
    store(element.z, activated.z);
    store(element.w, activated.w);
}
