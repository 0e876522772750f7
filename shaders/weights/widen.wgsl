// Halves as floats, an invocation a word of two.
//
//     out[e] = the half at index e

struct Uniform {
    elements: u32,      // E of this launch
    halves_start: u32,  // where in the bound halves its first word lies
    output_start: u32,  // where in the bound output its first float goes
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> halves: array<u32>;        // [⌈E / 2⌉]
@group(0) @binding(2) var<storage, read_write> output: array<f32>;  // [E]

const INVOCATIONS: u32 = {{ invocations }}u;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let word = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    if 2u * word >= call.elements {
        return;
    }
    let pair = unpack2x16float(halves[call.halves_start + word]);
    let at = call.output_start + 2u * word;
    output[at] = pair.x;
    if 2u * word + 1u < call.elements {
        output[at + 1u] = pair.y;
    }
}
