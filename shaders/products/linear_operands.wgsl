// What every variant of the linear layer shares: operands, how it reads its input, and what becomes of its sums.

struct Uniform {
    rows: u32,        // M
    inner: u32,       // K
    columns: u32,     // N
    activation: u32,  // 0 none, 1 GELU (tanh), 2 GELU (erf), 3 tanh
    bias: u32,        // 1 where there is one
    residual: u32,    // 1 where there is one
    panel: u32,       // columns of an output plane: N, or a head's width
    panel_rows: u32,  // rows of an output plane
    first_row: u32,   // where in the bound output the first row lies
}

{% set element = "vec4<f32>" if aligned else "f32" %}
{% set half_element = "vec4<f16>" if aligned else "f16" %}
{% set words = "vec4<u32>" if half_input else "vec4<u64>" %}
@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<{{ words if wide else half_element if half_input else element }}>;  // [M, K]
{% include "products/weight.wgsl" %}
@group(0) @binding(3) var<storage, read> bias: array<{{ element }}>;          // [N]
@group(0) @binding(4) var<storage, read> residual: array<{{ element }}>;      // [M, N]
@group(0) @binding(5) var<storage, read_write> output: array<{{ half_element if half_output else element }}>;  // [M, N], or [N / panel, M, panel]

{% if activated %}
{% include "common/activation.wgsl" %}
{% endif %}

{% include "products/bias.wgsl" %}

{% include "common/halves.wgsl" %}

fn places(column: u32) -> vec4<u32> {
    let columns = column + vec4(0u, 1u, 2u, 3u);
    let planes = columns / call.panel;
    let plane_size = call.panel_rows * call.panel;
    return planes * plane_size + columns % call.panel + call.first_row * call.panel;
}

{% if wide %}
fn left_start(row: u32) -> u32 {
    return row * (call.inner / 8u);
}

fn left_pairs(start: u32, k: u32) -> {{ words }} {
    return input[start + k / 8u];
}
{% elif aligned %}
fn left_start(row: u32) -> u32 {
    return row * (call.inner / 4u);
}

fn left(start: u32, k: u32) -> Quad {
    return Quad(input[start + min(k, call.inner - 1u) / 4u]);
}
{% else %}
fn left_start(row: u32) -> u32 {
    return row * call.inner;
}

fn left(start: u32, k: u32) -> Quad {
    let at = start + min(k + vec4(0u, 1u, 2u, 3u), vec4(call.inner - 1u));
    return Quad(vec4(input[at.x], input[at.y], input[at.z], input[at.w]));
}
{% endif %}

{% if aligned %}
fn store(places: vec4<u32>, row: u32, column: u32, sums: vec4<f32>) {
    if column >= call.columns {
        return;
    }
    let at = (places.x + row * call.panel) / 4u;
    var value = {{ "activate(sums, call.activation)" if activated else "sums" }};
    if call.residual == 1u {
        value += residual[at];
    }
    output[at] = stored(value);
}
{% else %}
fn store(places: vec4<u32>, row: u32, column: u32, sums: vec4<f32>) {
    let at = places + row * call.panel;
    var value = {{ "activate(sums, call.activation)" if activated else "sums" }};
{% for lane in "xyzw" %}
    if column + {{ loop.index0 }}u < call.columns && call.residual == 1u {
        value.{{ lane }} += residual[at.{{ lane }}];
    }
{% endfor %}
    let result = stored(value);
{% for lane in "xyzw" %}
    if column + {{ loop.index0 }}u < call.columns {
        output[at.{{ lane }}] = result.{{ lane }};
    }
{% endfor %}
}
{% endif %}
