// Layer normalisation, an invocation a row.
//
//     out[m, c] = (in[m, c] − μ) · (σ² + eps)^(−1/2) · scale[c] + bias[c]
//     μ = mean_c in[m, c],  σ² = mean_c (in[m, c] − μ)²
//
// For devices that run shaders on the CPU and for those without anything better: no workgroup memory, no subgroups.
// A step handles four columns, so a row may have four times as many columns as an invocation may run iterations.

{% include "rows/layer_norm_statistics.wgsl" %}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [M, C]
@group(0) @binding(2) var<storage, read> scale: array<f32>;         // [C]
@group(0) @binding(3) var<storage, read> bias: array<f32>;          // [C]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;  // [M, C]

fn compute(row: u32) {
    let width = call.width;
    let whole = width - width % 4u;
    let first = row * width;

    let of_row = statistics(first);
    for (var c = 0u; c < whole; c += 4u) {
        let at = first + c;
        output[at] = (input[at] - of_row.mean) * of_row.factor * scale[c] + bias[c];
        output[at + 1u] = (input[at + 1u] - of_row.mean) * of_row.factor * scale[c + 1u] + bias[c + 1u];
        output[at + 2u] = (input[at + 2u] - of_row.mean) * of_row.factor * scale[c + 2u] + bias[c + 2u];
        output[at + 3u] = (input[at + 3u] - of_row.mean) * of_row.factor * scale[c + 3u] + bias[c + 3u];
    }
    for (var c = whole; c < width; c += 1u) {
        output[first + c] = (input[first + c] - of_row.mean) * of_row.factor * scale[c] + bias[c];
    }
}

{% include "rows/each_row.wgsl" %}
