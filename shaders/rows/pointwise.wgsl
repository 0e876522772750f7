// A step of its own, element by element, where nothing could absorb it: an activation, or the sum of two tensors.
//
//     out[e] = activation(in[e])      or      out[e] = in[e] + addend[e]

struct Uniform {
    elements: u32,    // of this launch
    activation: u32,  // see common/activation.wgsl
    summed: u32,      // 1 where the addend is added
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // [M, C]
@group(0) @binding(2) var<storage, read> addend: array<f32>;         // [M, C]
@group(0) @binding(3) var<storage, read_write> output: array<f32>;   // [M, C]

{% include "common/activation.wgsl" %}

fn computed(values: vec4<f32>) -> vec4<f32> {
    return activate(values, call.activation);
}

fn store(element: u32, activated: f32) {
    var value = activated;
    if call.summed == 1u {
        value += addend[element];
    }
    output[element] = value;
}

{% include "rows/elements.wgsl" %}
