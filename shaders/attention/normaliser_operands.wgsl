{#- What every variant of the normaliser shares; query and key are arrays of `input_element`. -#}
struct Uniform {
{% include "attention/fields.wgsl" %}
    rows: u32,             // R
    weighted: u32,         // 1: rows have weights, and those of weight 0 take no part
    weights_base: u32,
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> query: array<{{ input_element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ input_element }}>;     // [3H, R, D] or [R, 3C]
@group(0) @binding(3) var<storage, read> weights: array<f32>;                 // [R]
@group(0) @binding(4) var<storage, read> validity: array<u32>;                // [B, T]
@group(0) @binding(5) var<storage, read_write> output: array<f32>;            // [heads, 2, R]

{% include "attention/sequence.wgsl" %}

fn takes_part(row: u32) -> bool {
    return call.weighted == 0u || !(weights[call.weights_base + row] == 0.0);
}

// Not a number where the sum is: a maximum may have dropped what is not.
fn store(task: Task, token: u32, peak: f32, total: f32) {
    let row = row_of(task, token);
    let at = call.output_base + task.head * 2u * call.rows + row;
    let is_nan = (bitcast<u32>(total) & 0x7fffffffu) > 0x7f800000u;
    let none = total == 0.0 || !takes_part(row);
    output[at] = select(select(peak, total, is_nan), 0.0, none);
    output[at + call.rows] = select(total, 0.0, none);
}
