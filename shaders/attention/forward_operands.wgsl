{#- What every variant of attention shares; its inputs are arrays of `input_element`, its output is one of `element`. -#}
struct Uniform {
{% include "attention/fields.wgsl" %}
    columns: u32,          // C
    value_base: u32,
    empty_row: u32,        // a query that sees no key: 0 gives zero, 1 the mean of all values
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> query: array<{{ input_element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ input_element }}>;     // [3H, R, D] or [R, 3C]
@group(0) @binding(3) var<storage, read> value: array<{{ input_element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(4) var<storage, read> validity: array<u32>;                // [B, T]
@group(0) @binding(5) var<storage, read_write> output: array<{{ element }}>;  // [R, C]

{% include "attention/sequence.wgsl" %}

fn value_start(input: u32, token: u32) -> u32 {
    return call.value_base + input + min(token, call.keys - 1u) * call.input_token;
}

// Where a head's part of a token's row begins.
fn output_start(task: Task, token: u32) -> u32 {
    return call.output_base + row_of(task, token) * call.columns + task.head * {{ width }}u;
}
