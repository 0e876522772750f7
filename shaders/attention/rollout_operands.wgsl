{#- What every variant of rollout shares; query and key are declared by the including file. A launch's own tokens are keys:
    `queries` of each sequence, from `first_query` on. -#}
{% include "attention/sequence.wgsl" %}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(3) var<storage, read> normaliser: array<f32>;     // [heads, 2, R]
@group(0) @binding(4) var<storage, read> weights: array<f32>;        // [R]
@group(0) @binding(5) var<storage, read> base: array<f32>;           // [R]
@group(0) @binding(6) var<storage, read> validity: array<u32>;       // [B, T]
@group(0) @binding(7) var<storage, read_write> output: array<f32>;   // [R]

// The row of a token, counted from that of token 0 of the launch's first sequence.
fn row_of(outer: u32, inner: u32, token: u32) -> u32 {
    return outer * call.output_outer + inner * call.output_inner + token * call.output_token;
}

// What a query hands to the keys of its sequence: exp(score − highest) · factor to each that it sees, and `everywhere` to
// every one. A query beyond the last and one of weight 0 hand out nothing: factor 0.
struct Giver {
    highest: f32,
    factor: f32,
    everywhere: f32,
}

// Without a branch: software devices run both sides of each.
fn giver(outer: u32, inner: u32, head: u32, token: u32) -> Giver {
    let row = row_of(outer, inner, min(token, call.keys - 1u));
    let at = call.normaliser_base + head * 2u * call.rows + row;
    let weight = select(0.0, weights[call.weights_base + row], token < call.keys);
    let total = normaliser[at + call.rows];
    let sees_nothing = total == 0.0;
    return Giver(
        normaliser[at],
        select(weight / total, 0.0, (weight == 0.0) | sees_nothing),
        select(0.0, weight / f32(call.keys), sees_nothing & (call.empty_row == 1u)),
    );
}

fn gives(factor: f32) -> bool {
    // Of a comparison with NaN only the negation is true.
    return !(factor == 0.0);
}

fn store(row: u32, sum: f32) {
    var value = call.share * sum;
    if call.begin == 1u {
        value += call.keep * base[call.base_base + row];
    } else if call.begin == 2u {
        value += output[call.output_base + row];
    }
    output[call.output_base + row] = value;
}
