// Two axes exchanged, an invocation an element.
//
//     out[j, i, c] = in[i, j, c],   in [I, J, C]
//
// A workgroup fills a part of one row of the output, so that writes are neighbours; with C = 1, the transpose of a
// matrix, neighbours read a row of the input apart, and the caches hold what the next workgroups read of it.

struct Uniform {
    outer: u32,         // I of this launch
    inner: u32,         // J of this launch
    width: u32,         // C
    input_row: u32,     // elements from one i to the next in the input
    output_row: u32,    // elements from one j to the next in the output
    input_start: u32,   // where in the bound input the first element of the launch lies
    output_start: u32,  // where in the bound output it goes
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [I, J, C]
@group(0) @binding(2) var<storage, read_write> output: array<f32>;  // [J, I, C]

const INVOCATIONS: u32 = {{ invocations }}u;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row_elements = call.outer * call.width;
    let across = (row_elements + INVOCATIONS - 1u) / INVOCATIONS;
    let place = group.x + group.y * groups.x;
    let j = place / across;
    let element = place % across * INVOCATIONS + lane;
    if j >= call.inner || element >= row_elements {
        return;
    }
{% if single %}
    let source = element * call.input_row + j;
{% else %}
    let i = element / call.width;
    let source = i * call.input_row + j * call.width + element - i * call.width;
{% endif %}
    output[call.output_start + j * call.output_row + element] = input[call.input_start + source];
}
