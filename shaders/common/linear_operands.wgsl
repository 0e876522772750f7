// What every variant of the linear layer shares: operands, how its input is read, and what becomes of its sums.

struct Parameters {
    rows: u32,        // M
    inner: u32,       // K
    columns: u32,     // N
    activation: u32,  // 0 none, 1 GELU (tanh), 2 GELU (erf), 3 tanh
    bias: u32,        // 1 with
    residual: u32,    // 1 with
    panel: u32,       // columns of an output plane: N, or a head's width
    panel_rows: u32,  // rows of an output plane
    first_row: u32,   // where in the bound output the first row lies
    groups: u32,
    padding_0: u32,
    padding_1: u32,
}

{% set element = "vec4<f32>" if aligned else "f32" %}
@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> input: array<{{ element }}>;         // [M, K]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;      // [N, K] in panels
@group(0) @binding(3) var<storage, read> bias: array<{{ element }}>;          // [N]
@group(0) @binding(4) var<storage, read> residual: array<{{ element }}>;      // [M, N]
@group(0) @binding(5) var<storage, read_write> output: array<{{ element }}>;  // [M, N], or [N / panel, M, panel]

{% include "common/activation.wgsl" %}

fn place(row: u32, column: u32) -> u32 {
    let plane = column / parameters.panel;
    return (plane * parameters.panel_rows + parameters.first_row + row) * parameters.panel + column % parameters.panel;
}

{% if aligned %}
fn left_start(row: u32) -> u32 {
    return row * (parameters.inner / 4u);
}

fn left(start: u32, k: u32) -> vec4<f32> {
    return input[start + min(k, parameters.inner - 1u) / 4u];
}

fn store(row: u32, column: u32, sums: vec4<f32>) {
    if column >= parameters.columns {
        return;
    }
    let at = place(row, column) / 4u;
    var value = sums;
    if parameters.bias == 1u {
        value += bias[column / 4u];
    }
    value = activate(value, parameters.activation);
    if parameters.residual == 1u {
        value += residual[at];
    }
    output[at] = value;
}
{% else %}
fn left_start(row: u32) -> u32 {
    return row * parameters.inner;
}

fn left(start: u32, k: u32) -> vec4<f32> {
    let at = start + min(k + vec4(0u, 1u, 2u, 3u), vec4(parameters.inner - 1u));
    return vec4(input[at.x], input[at.y], input[at.z], input[at.w]);
}

fn store(row: u32, column: u32, sums: vec4<f32>) {
    var value = sums;
    if parameters.bias == 1u {
        let at = min(column + vec4(0u, 1u, 2u, 3u), vec4(parameters.columns - 1u));
        value += vec4(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);
    }
    value = activate(value, parameters.activation);
{% for lane in "xyzw" %}
    store_one(row, column + {{ loop.index0 }}u, value.{{ lane }});
{% endfor %}
}

fn store_one(row: u32, column: u32, sum: f32) {
    if column >= parameters.columns {
        return;
    }
    let at = place(row, column);
    var value = sum;
    if parameters.residual == 1u {
        value += residual[at];
    }
    output[at] = value;
}
{% endif %}
