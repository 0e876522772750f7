{#- What every variant of attention's gradients shares: arrays of `input_element` come in, one of `element` goes out. -#}
struct Uniform {
{% include "attention/fields.wgsl" %}
    columns: u32,          // C
    value_base: u32,
    empty_row: u32,        // a query that sees no key: 0 gives zero, 1 the mean of all values
    rows: u32,             // R
    products_base: u32,    // output_base is that of the statistics
    gradient_base: u32,
    written_base: u32,     // of the gradients of queries, or of keys where there are no others
    plane: u32,            // from the gradient of a query to that of its key, and on to that of its value
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> query: array<{{ input_element }}>;         // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ input_element }}>;           // [3H, R, D] or [R, 3C]
@group(0) @binding(3) var<storage, read> value: array<{{ input_element }}>;         // [3H, R, D] or [R, 3C]
@group(0) @binding(4) var<storage, read> validity: array<u32>;                      // [B, T]
@group(0) @binding(5) var<storage, read> statistics: array<f32>;                    // [H, 2, R]: m and l of each row
@group(0) @binding(6) var<storage, read> products: array<f32>;                      // [H, R]: y · dy
@group(0) @binding(7) var<storage, read> gradient: array<{{ input_element }}>;      // [R, C]: dy
@group(0) @binding(8) var<storage, read_write> output: array<{{ element }}>;        // [3H, R, D] or [R, 3C]

{% include "attention/sequence.wgsl" %}

fn value_start(input: u32, token: u32) -> u32 {
    return call.value_base + input + min(token, call.keys - 1u) * call.input_token;
}

// Offset of a head's part of the gradient for the sequence's first token.
fn gradients_of(task: Task) -> u32 {
    return call.gradient_base + row_of(task, 0u) * call.columns + task.head * {{ width }}u;
}

// Where a head's part of the gradient of a token's row begins.
fn gradient_start(gradients: u32, token: u32) -> u32 {
    return gradients + min(token, call.keys - 1u) * call.row_token * call.columns;
}

// m, l and y · dy of a query.
fn numbers_of(task: Task, token: u32) -> vec3<f32> {
    let row = row_of(task, min(token, call.keys - 1u));
    let at = call.output_base + task.head * 2u * call.rows + row;
    return vec3(statistics[at], statistics[at + call.rows], products[call.products_base + task.head * call.rows + row]);
}

// Where the first of a token's gradients that the launch writes begins.
fn written_start(input: u32, token: u32) -> u32 {
    return call.written_base + input + token * call.input_token;
}

fn store(start: u32, quad: u32, sums: vec4<f32>) {
{% if aligned %}
    output[start / 4u + quad] = sums;
{% else %}
{% for c in range(4) %}
    if 4u * quad + {{ c }}u < {{ width }}u {
        output[start + 4u * quad + {{ c }}u] = sums[{{ c }}];
    }
{% endfor %}
{% endif %}
}
