// A branch of a block times the gate of its sequence, plus what the branch is added to.
//
//     out[e] = gates[gate of e] · in[e]      or      out[e] = residual[e] + gates[gate of e] · in[e]

struct Uniform {
    elements: u32,        // of this launch
    length: u32,          // elements of a sequence
    start: u32,           // where in its sequence the first element of this launch lies
    first_gate: u32,      // the gate of that sequence; those of the next ones follow
    residual_added: u32,  // 1 where the residual is added
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // [B·M, C]
@group(0) @binding(2) var<storage, read> residual: array<f32>;       // [B·M, C]
@group(0) @binding(3) var<storage, read> gates: array<f32>;          // [G, B]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;   // [B·M, C]

fn computed(values: vec4<f32>) -> vec4<f32> {
    return values;
}

fn store(element: u32, branch: f32) {
    var value = gates[call.first_gate + (call.start + element) / call.length] * branch;
    if call.residual_added == 1u {
        value += residual[element];
    }
    output[element] = value;
}

{% include "rows/elements.wgsl" %}
