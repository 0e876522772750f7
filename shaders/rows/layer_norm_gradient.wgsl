// The gradients of layer normalisation, an invocation a row.
//
//     out[m, c] = r · (ĝ[m, c] − mean_c ĝ − x̂[m, c] · mean_c(ĝ · x̂)),   of_scale[m, c] = g[m, c] · x̂[m, c]
//     ĝ = g · scale,  x̂ = (in − μ) · r,  r = (σ² + eps)^(−1/2)
//
// For devices that run shaders on the CPU and for those without anything better: no workgroup memory, no subgroups. The
// statistics are computed again, which costs less than to keep them. A step handles four columns.

{% include "rows/layer_norm_statistics.wgsl" %}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;           // [M, C]
@group(0) @binding(2) var<storage, read> scale: array<f32>;           // [C]
@group(0) @binding(3) var<storage, read> gradient: array<f32>;        // [M, C]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;    // [M, C]
@group(0) @binding(5) var<storage, read_write> of_scale: array<f32>;  // [M, C]

// ĝ of four columns.
fn four_scaled(at: u32, c: u32) -> vec4<f32> {
    let of_output = vec4(gradient[at], gradient[at + 1u], gradient[at + 2u], gradient[at + 3u]);
    return of_output * vec4(scale[c], scale[c + 1u], scale[c + 2u], scale[c + 3u]);
}

fn finish(at: u32, c: u32, mean: f32, factor: f32, average: f32, product: f32) {
    let normal = (input[at] - mean) * factor;
    output[at] = (gradient[at] * scale[c] - average - normal * product) * factor;
    of_scale[at] = gradient[at] * normal;
}

fn compute(row: u32) {
    let width = call.width;
    let whole = width - width % 4u;
    let first = row * width;

    let of_row = statistics(first);
    let mean = of_row.mean;
    let factor = of_row.factor;

    var averages = vec4<f32>();
    var products = vec4<f32>();
    for (var c = 0u; c < whole; c += 4u) {
        let scaled = four_scaled(first + c, c);
        averages += scaled;
        products += scaled * ((four_of_input(first + c) - mean) * factor);
    }
    var average = averages.x + averages.y + averages.z + averages.w;
    var product = products.x + products.y + products.z + products.w;
    for (var c = whole; c < width; c += 1u) {
        let scaled = gradient[first + c] * scale[c];
        average += scaled;
        product += scaled * ((input[first + c] - mean) * factor);
    }
    average /= f32(width);
    product /= f32(width);

    for (var c = 0u; c < whole; c += 4u) {
{% for step in range(4) %}
        finish(first + c + {{ step }}u, c + {{ step }}u, mean, factor, average, product);
{% endfor %}
    }
    for (var c = whole; c < width; c += 1u) {
        finish(first + c, c, mean, factor, average, product);
    }
}

{% include "rows/each_row.wgsl" %}
