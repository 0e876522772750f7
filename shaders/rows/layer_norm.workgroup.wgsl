// Layer normalisation, a workgroup a row.
//
//     out[m, c] = (in[m, c] − μ) · (σ² + eps)^(−1/2) · scale[c] + bias[c]
//     μ = mean_c in[m, c],  σ² = mean_c (in[m, c] − μ)²
//
// For GPUs: neighbouring invocations read neighbouring columns, and both sums are folded in workgroup memory.

struct Uniform {
    rows: u32,     // M
    width: u32,    // C
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [M, C]
@group(0) @binding(2) var<storage, read> scale: array<f32>;         // [C]
@group(0) @binding(3) var<storage, read> bias: array<f32>;          // [C]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;  // [M, C]

const INVOCATIONS: u32 = {{ invocations }}u;

{% include "common/workgroup_sum.wgsl" %}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = group.x + group.y * groups.x;
    if row >= call.rows {
        return;
    }
    let width = call.width;
    let first = row * width;

    var sum = 0.0;
    for (var c = lane; c < width; c += INVOCATIONS) {
        sum += input[first + c];
    }
    let mean = workgroup_sum(sum, lane) / f32(width);

    var square = 0.0;
    for (var c = lane; c < width; c += INVOCATIONS) {
        let centred = input[first + c] - mean;
        square += centred * centred;
    }
    let factor = 1.0 / sqrt(workgroup_sum(square, lane) / f32(width) + call.epsilon);

    for (var c = lane; c < width; c += INVOCATIONS) {
        output[first + c] = (input[first + c] - mean) * factor * scale[c] + bias[c];
    }
}
