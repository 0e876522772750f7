// The gradients of layer normalisation, a workgroup a row.
//
//     out[m, c] = r · (ĝ[m, c] − mean_c ĝ − x̂[m, c] · mean_c(ĝ · x̂)),   of_scale[m, c] = g[m, c] · x̂[m, c]
//     ĝ = g · scale,  x̂ = (in − μ) · r,  r = (σ² + eps)^(−1/2)
//
// For GPUs: neighbouring invocations read neighbouring columns, and all four sums are folded in workgroup memory.

{% include "rows/layer_norm_statistics.workgroup.wgsl" %}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;           // [M, C]
@group(0) @binding(2) var<storage, read> scale: array<f32>;           // [C]
@group(0) @binding(3) var<storage, read> gradient: array<f32>;        // [M, C]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;    // [M, C]
@group(0) @binding(5) var<storage, read_write> of_scale: array<f32>;  // [M, C]

fn compute(row: u32, lane: u32) {
    let width = call.width;
    let first = row * width;

    let of_row = statistics(first, lane);
    let mean = of_row.mean;
    let factor = of_row.factor;

    var scaled_sum = 0.0;
    var product_sum = 0.0;
    for (var c = lane; c < width; c += INVOCATIONS) {
        let scaled = gradient[first + c] * scale[c];
        scaled_sum += scaled;
        product_sum += scaled * ((input[first + c] - mean) * factor);
    }
    let average = workgroup_sum(scaled_sum, lane) / f32(width);
    let product = workgroup_sum(product_sum, lane) / f32(width);

    for (var c = lane; c < width; c += INVOCATIONS) {
        let at = first + c;
        let normal = (input[at] - mean) * factor;
        output[at] = (gradient[at] * scale[c] - average - normal * product) * factor;
        of_scale[at] = gradient[at] * normal;
    }
}

{% include "rows/each_row.workgroup.wgsl" %}
