{#- What every variant of attention shares; its inputs are arrays of `input_element`, its output is one of `element`, or of
    `half_element` where `half_output` says so. -#}
struct Uniform {
{% include "attention/fields.wgsl" %}
    columns: u32,          // C
    value_base: u32,
    empty_row: u32,        // a query that sees no key: 0 gives zero, 1 the mean of all values
    rows: u32,             // R, of the output
    statistics_base: u32,
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> query: array<{{ input_element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ input_element }}>;     // [3H, R, D] or [R, 3C]
@group(0) @binding(3) var<storage, read> value: array<{{ input_element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(4) var<storage, read> validity: array<u32>;                // [B, T]
@group(0) @binding(5) var<storage, read_write> output: array<{{ half_element if half_output else element }}>;  // [R, C]
@group(0) @binding(6) var<storage, read_write> statistics: array<f32>;        // [H, 2, R]: m and l of each row

{% include "attention/sequence.wgsl" %}
{% include "attention/statistics.wgsl" %}
{% include "common/halves.wgsl" %}

fn value_start(input: u32, token: u32) -> u32 {
    return call.value_base + input + min(token, call.keys - 1u) * call.input_token;
}

// Where a head's part of a token's row begins.
fn output_start(task: Task, token: u32) -> u32 {
    return call.output_base + row_of(task, token) * call.columns + task.head * {{ width }}u;
}

fn store_statistics(task: Task, token: u32, peak: f32, total: f32) {
    let at = call.statistics_base + task.head * 2u * call.rows + row_of(task, token);
    let kept = statistics_of(peak, total);
    statistics[at] = kept.x;
    statistics[at + call.rows] = kept.y;
}
