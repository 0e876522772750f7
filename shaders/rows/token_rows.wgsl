// The same rows of each sequence, an invocation an element.
//
//     out[b, i, c] = in[b, first + i, c]

struct Uniform {
    sequences: u32,       // B of this launch
    elements: u32,        // copied of each sequence
    input_sequence: u32,  // elements from one sequence to the next in the input
    input_start: u32,     // where in the bound input the first copied element lies
    output_start: u32,
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [B·N, C]
@group(0) @binding(2) var<storage, read_write> output: array<f32>;  // [B·N₀, C]

const INVOCATIONS: u32 = {{ invocations }}u;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let across = (call.elements + INVOCATIONS - 1u) / INVOCATIONS;
    let place = group.x + group.y * groups.x;
    let sequence = place / across;
    let element = place % across * INVOCATIONS + lane;
    if sequence >= call.sequences || element >= call.elements {
        return;
    }
    output[call.output_start + sequence * call.elements + element] =
        input[call.input_start + sequence * call.input_sequence + element];
}
