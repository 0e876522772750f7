// What every variant of the tubelet embedding shares: operands, how it reads the clip, and what becomes of its sums.

struct Uniform {
{% include "products/tubelet_fields.wgsl" %}
    rows: u32,          // tokens, in the order of clips, times, token rows and token columns
    inner: u32,         // P·t·h·w
    columns: u32,       // C
    bias: u32,          // 1 where there is one
    output_start: u32,  // where in the bound output the first token goes
}

{% set element = "vec4<f32>" if aligned else "f32" %}
{% set half_element = "vec4<f16>" if aligned else "f16" %}
@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> clip: array<{{ half_element if half_input else element }}>;  // [B, F, P, Y, X] or [B, F, Y, X, P]
{% include "products/weight.wgsl" %}
@group(0) @binding(3) var<storage, read> bias: array<{{ element }}>;          // [C]
@group(0) @binding(4) var<storage, read_write> output: array<{{ half_element if half_output else element }}>;  // [B·T·S, C]

{% include "products/tubelets.wgsl" %}

fn left_start(row: u32) -> u32 {
    let lines = row / call.token_columns;
    let slabs = lines / call.token_rows;
    let place = vec2(lines % call.token_rows, row % call.token_columns);
    return tubelet_start(slabs / call.times, slabs % call.times, place);
}

fn left(start: u32, k: u32) -> Quad {
    let at = start + tubelet_places(k);
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
