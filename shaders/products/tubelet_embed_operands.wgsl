// What every variant of the tubelet embedding shares: operands, how it reads the clip, and what becomes of its sums.

struct Parameters {
    rows: u32,             // tokens, in the order of clips, times, token rows and token columns
    inner: u32,            // P·t·h·w
    columns: u32,          // C
    groups: u32,
    bias: u32,             // 1 with
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
    padding_0: u32,
    padding_1: u32,
}

{% set element = "vec4<f32>" if aligned else "f32" %}
@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> clip: array<{{ element }}>;          // [B, F, P, Y, X] or [B, F, Y, X, P]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;      // [C, P·t·h·w] in panels
@group(0) @binding(3) var<storage, read> bias: array<{{ element }}>;          // [C]
@group(0) @binding(4) var<storage, read_write> output: array<{{ element }}>;  // [B·T·S, C]

fn left_start(row: u32) -> u32 {
    let token_column = row % parameters.token_columns;
    let lines = row / parameters.token_columns;
    let token_row = lines % parameters.token_rows;
    let slabs = lines / parameters.token_rows;
    return parameters.clip_start
        + slabs / parameters.times * parameters.clip_stride
        + slabs % parameters.times * parameters.tubelet_frames * parameters.frame_stride
        + token_row * parameters.tubelet_rows * parameters.row_stride
        + token_column * parameters.tubelet_columns * parameters.column_stride;
}

// ⌊a / b⌋ for a below 2²⁰, in floats: CPUs have no division for vectors of integers.
fn quotient(a: vec4<u32>, b: u32) -> vec4<u32> {
    return vec4<u32>((vec4<f32>(a) + 0.5) / f32(b));
}

// k counts the planes, frames, rows and columns of a tubelet, columns fastest.
fn left(start: u32, k: u32) -> vec4<f32> {
    let steps = min(k + vec4(0u, 1u, 2u, 3u), vec4(parameters.inner - 1u));
    let rows = quotient(steps, parameters.tubelet_columns);
    let frames = quotient(rows, parameters.tubelet_rows);
    let planes = quotient(frames, parameters.tubelet_frames);
    let at = start
        + planes * parameters.plane_stride
        + (frames - planes * parameters.tubelet_frames) * parameters.frame_stride
        + (rows - frames * parameters.tubelet_rows) * parameters.row_stride
        + (steps - rows * parameters.tubelet_columns) * parameters.column_stride;
{% if aligned %}
    return clip[at.x / 4u];
{% else %}
    return vec4(clip[at.x], clip[at.y], clip[at.z], clip[at.w]);
{% endif %}
}

{% include "products/bias.wgsl" %}

fn places(column: u32) -> vec4<u32> {
    return parameters.output_start + column + vec4(0u, 1u, 2u, 3u);
}

fn store(places: vec4<u32>, row: u32, column: u32, sums: vec4<f32>) {
    let at = places + row * parameters.columns;
{% if aligned %}
    if column < parameters.columns {
        output[at.x / 4u] = sums;
    }
{% else %}
{% for lane in "xyzw" %}
    if column + {{ loop.index0 }}u < parameters.columns {
        output[at.{{ lane }}] = sums.{{ lane }};
    }
{% endfor %}
{% endif %}
}
