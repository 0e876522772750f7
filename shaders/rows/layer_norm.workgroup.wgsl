// Layer normalisation, a workgroup a row.
//
//     out[m, c] = (in[m, c] − μ) · (σ² + eps)^(−1/2) · scale[c] + bias[c]
//     μ = mean_c in[m, c],  σ² = mean_c (in[m, c] − μ)²
//
// For GPUs: neighbouring invocations read neighbouring columns, and both sums are folded in workgroup memory.

{% include "rows/layer_norm_statistics.workgroup.wgsl" %}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [M, C]
@group(0) @binding(2) var<storage, read> scale: array<f32>;         // [C]
@group(0) @binding(3) var<storage, read> bias: array<f32>;          // [C]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;  // [M, C]

fn compute(row: u32, lane: u32) {
    let width = call.width;
    let first = row * width;

    let of_row = statistics(first, lane);
    for (var c = lane; c < width; c += INVOCATIONS) {
        output[first + c] = (input[first + c] - of_row.mean) * of_row.factor * scale[c] + bias[c];
    }
}

{% include "rows/each_row.workgroup.wgsl" %}
