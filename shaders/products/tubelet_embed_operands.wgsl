// What every variant of the tubelet embedding shares: operands, how it reads the clip, and what becomes of its sums.

struct Uniform {
    rows: u32,             // tokens, in the order of clips, times, token rows and token columns
    inner: u32,            // P·t·h·w
    columns: u32,          // C
    bias: u32,             // 1 where there is one
    times: u32,            // temporal indices of a clip
    token_rows: u32,       // ⌊Y / h⌋
    token_columns: u32,    // ⌊X / w⌋
    tubelet_frames: u32,   // t
    tubelet_rows: u32,     // h
    tubelet_columns: u32,  // w
    clip_stride: u32,      // from a clip to the next in elements; likewise the others
    frame_stride: u32,
    row_stride: u32,
    column_stride: u32,
    plane_stride: u32,
    clip_start: u32,       // where in the bound clips the first token begins
    output_start: u32,     // where in the bound output the first token goes
}

{% set element = "vec4<f32>" if aligned else "f32" %}
{% set half_element = "vec4<f16>" if aligned else "f16" %}
@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> clip: array<{{ half_element if half_input else element }}>;  // [B, F, P, Y, X] or [B, F, Y, X, P]
{% include "products/weight.wgsl" %}
@group(0) @binding(3) var<storage, read> bias: array<{{ element }}>;          // [C]
@group(0) @binding(4) var<storage, read_write> output: array<{{ half_element if half_output else element }}>;  // [B·T·S, C]

fn left_start(row: u32) -> u32 {
    let token_column = row % call.token_columns;
    let lines = row / call.token_columns;
    let token_row = lines % call.token_rows;
    let slabs = lines / call.token_rows;
    return call.clip_start
        + slabs / call.times * call.clip_stride
        + slabs % call.times * call.tubelet_frames * call.frame_stride
        + token_row * call.tubelet_rows * call.row_stride
        + token_column * call.tubelet_columns * call.column_stride;
}

// ⌊a / b⌋ for a below 2²⁰, in floats: CPUs have no division for vectors of integers.
fn quotient(a: vec4<u32>, b: u32) -> vec4<u32> {
    return vec4<u32>((vec4<f32>(a) + 0.5) / f32(b));
}

// k counts the planes, frames, rows and columns of a tubelet, columns fastest.
fn left(start: u32, k: u32) -> Quad {
    let steps = min(k + vec4(0u, 1u, 2u, 3u), vec4(call.inner - 1u));
    let rows = quotient(steps, call.tubelet_columns);
    let frames = quotient(rows, call.tubelet_rows);
    let planes = quotient(frames, call.tubelet_frames);
    let at = start
        + planes * call.plane_stride
        + (frames - planes * call.tubelet_frames) * call.frame_stride
        + (rows - frames * call.tubelet_rows) * call.row_stride
        + (steps - rows * call.tubelet_columns) * call.column_stride;
{% if aligned %}
    return Quad(clip[at.x / 4u]);
{% else %}
    return Quad(vec4(clip[at.x], clip[at.y], clip[at.z], clip[at.w]));
{% endif %}
}

{% include "products/bias.wgsl" %}

{% include "common/halves.wgsl" %}

fn places(column: u32) -> vec4<u32> {
    return call.output_start + column + vec4(0u, 1u, 2u, 3u);
}

fn store(places: vec4<u32>, row: u32, column: u32, sums: vec4<f32>) {
    let at = places + row * call.columns;
{% if aligned %}
    if column < call.columns {
        output[at.x / 4u] = stored(sums);
    }
{% else %}
    let result = stored(sums);
{% for lane in "xyzw" %}
    if column + {{ loop.index0 }}u < call.columns {
        output[at.{{ lane }}] = result.{{ lane }};
    }
{% endfor %}
{% endif %}
}
