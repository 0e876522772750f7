// What every variant of the gradient of a linear layer's weight shares: operands and how they are read.

struct Uniform {
    rows: u32,            // M of this launch
    columns: u32,         // N of this launch
    inner: u32,           // K
    gradient_row: u32,    // N of the whole gradient
    gradient_start: u32,  // where in the bound gradient the first row's first column lies
    input_start: u32,     // where in the bound input the first row begins
    output_start: u32,
    continued: u32,       // 1 where an earlier launch has begun the output
}

{% set element = "vec4<f32>" if aligned else "f32" %}
@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> gradient: array<{{ element }}>;      // [M, N]
@group(0) @binding(2) var<storage, read> input: array<{{ element }}>;         // [M, K]
@group(0) @binding(3) var<storage, read_write> output: array<{{ element }}>;  // [N, K]

fn left_places(column: u32) -> vec4<u32> {
    return four_places(call.gradient_start, column, call.columns);
}

fn left_at(row: u32, places: vec4<u32>) -> vec4<f32> {
    let at = places + row * call.gradient_row;
    return {{ "gradient[at.x / 4u]" if aligned else "vec4(gradient[at.x], gradient[at.y], gradient[at.z], gradient[at.w])" }};
}

fn right_places(k: u32) -> vec4<u32> {
    return four_places(call.input_start, k, call.inner);
}

fn right_at(row: u32, places: vec4<u32>) -> vec4<f32> {
    let at = places + row * call.inner;
    return {{ "input[at.x / 4u]" if aligned else "vec4(input[at.x], input[at.y], input[at.z], input[at.w])" }};
}

// Of four columns of the first row, which begins at `start`; of its last column for those beyond it.
fn four_places(start: u32, column: u32, columns: u32) -> vec4<u32> {
    return start + min(column + vec4(0u, 1u, 2u, 3u), vec4(columns - 1u));
}

{% include "products/sums_of_columns.wgsl" %}
