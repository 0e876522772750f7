{#- What every variant of the normaliser shares; query and key are declared by the including file. -#}
{% include "attention/sequence.wgsl" %}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(3) var<storage, read> weights: array<f32>;        // [R]
@group(0) @binding(4) var<storage, read> validity: array<u32>;       // [B, T]
@group(0) @binding(5) var<storage, read_write> output: array<f32>;   // [heads, 2, R]

// The row of a token, counted from that of token 0 of the launch's first sequence.
fn row_of(outer: u32, inner: u32, token: u32) -> u32 {
    return outer * call.output_outer + inner * call.output_inner + token * call.output_token;
}

fn takes_part(row: u32) -> bool {
    return call.weighted == 0u || !(weights[call.weights_base + row] == 0.0);
}

// Not a number where the sum is: a maximum may have dropped what is not.
fn store(row: u32, head: u32, highest: f32, total: f32) {
    let at = call.output_base + head * call.output_head + row;
    let is_nan = (bitcast<u32>(total) & 0x7fffffffu) > 0x7f800000u;
    let none = total == 0.0 || !takes_part(row);
    output[at] = select(select(highest, total, is_nan), 0.0, none);
    output[at + call.rows] = select(total, 0.0, none);
}
