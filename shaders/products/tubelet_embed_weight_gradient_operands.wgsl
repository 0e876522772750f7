// What every variant of the gradient of the tubelet embedding's weight shares: operands and how they are read.

struct Uniform {
{% include "products/tubelet_fields.wgsl" %}
    rows: u32,            // tokens of this launch
    columns: u32,         // C of this launch
    inner: u32,           // P·t·h·w
    first_row: u32,       // the first token, counted within its temporal index
    first_time: u32,      // that temporal index, of those of the first bound clip
    gradient_row: u32,    // C of the whole gradient
    gradient_start: u32,  // where in the bound gradient the first token's first column lies
    output_start: u32,
    continued: u32,       // 1 where an earlier launch has begun the output
}

{% set element = "vec4<f32>" if aligned else "f32" %}
@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> gradient: array<{{ element }}>;      // [B·T·S, C]
@group(0) @binding(2) var<storage, read> clip: array<{{ element }}>;          // [B, F, P, Y, X] or [B, F, Y, X, P]
@group(0) @binding(3) var<storage, read_write> output: array<{{ element }}>;  // [C, P·t·h·w]

{% include "products/tubelets.wgsl" %}

fn left_places(column: u32) -> vec4<u32> {
    return call.gradient_start + min(column + vec4(0u, 1u, 2u, 3u), vec4(call.columns - 1u));
}

fn left_at(row: u32, places: vec4<u32>) -> vec4<f32> {
    let at = places + row * call.gradient_row;
    return {{ "gradient[at.x / 4u]" if aligned else "vec4(gradient[at.x], gradient[at.y], gradient[at.z], gradient[at.w])" }};
}

fn right_places(k: u32) -> vec4<u32> {
    return tubelet_places(k);
}

// Rows are fewer than the 2²⁰ that are divided in floats: see `row_runs`.
fn right_at(row: u32, places: vec4<u32>) -> vec4<f32> {
    let token = call.first_row + row;
    let lines = quotient(vec4(token), call.token_columns).x;
    let slabs = quotient(vec4(lines), call.token_rows).x;
    let times = call.first_time + slabs;
    let clips = quotient(vec4(times), call.times).x;
    let place = vec2(lines - slabs * call.token_rows, token - lines * call.token_columns);
    let at = tubelet_start(clips, times - clips * call.times, place) + places;
    return {{ "clip[at.x / 4u]" if aligned else "vec4(clip[at.x], clip[at.y], clip[at.z], clip[at.w])" }};
}

{% include "products/sums_of_columns.wgsl" %}
