// The scalar product of two rows, an invocation a row and head.
//
//     out[h, m] = Σ_d left[m, h·D + d] · right[m, h·D + d],   left and right [M, C], C = H·D
//
// Neighbouring invocations have neighbouring heads, so that a workgroup reads whole rows.

struct Uniform {
    rows: u32,          // M of this launch
    heads: u32,         // H
    width: u32,         // D
    output_row: u32,    // M of the whole output
    output_start: u32,  // the first row of this launch
    input_start: u32,   // where in the bound inputs it begins
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> left: array<f32>;          // [M, C]
@group(0) @binding(2) var<storage, read> right: array<f32>;         // [M, C]
@group(0) @binding(3) var<storage, read_write> output: array<f32>;  // [H, M]

const INVOCATIONS: u32 = {{ invocations }}u;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    let row = number / call.heads;
    let head = number % call.heads;
    if row >= call.rows {
        return;
    }
    let first = call.input_start + number * call.width;
    var sum = 0.0;
    for (var d = 0u; d < call.width; d += 1u) {
        sum += left[first + d] * right[first + d];
    }
    output[head * call.output_row + call.output_start + row] = sum;
}
