{#- What every variant of rollout shares; query and key are declared by the including file. A launch's own tokens are keys:
    `queries` of each sequence, from `first_query` on. -#}
{% include "attention/sequence.wgsl" %}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(3) var<storage, read> normaliser: array<f32>;     // [heads, 2, R]
@group(0) @binding(4) var<storage, read> weights: array<f32>;        // [R]
@group(0) @binding(5) var<storage, read> base: array<f32>;           // [R]
@group(0) @binding(6) var<storage, read> validity: array<u32>;       // [B, T]
@group(0) @binding(7) var<storage, read_write> output: array<f32>;   // [R]

// The row of a token, counted from that of token 0 of the launch's first sequence.
fn row_of(outer: u32, inner: u32, token: u32) -> u32 {
    return outer * parameters.output_outer + inner * parameters.output_inner + token * parameters.output_token;
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
    let row = row_of(outer, inner, min(token, parameters.keys - 1u));
    let at = parameters.normaliser_base + head * 2u * parameters.rows + row;
    let weight = select(0.0, weights[parameters.weights_base + row], token < parameters.keys);
    let total = normaliser[at + parameters.rows];
    let sees_nothing = total == 0.0;
    return Giver(
        normaliser[at],
        select(weight / total, 0.0, (weight == 0.0) | sees_nothing),
        select(0.0, weight / f32(parameters.keys), sees_nothing & (parameters.empty_row == 1u)),
    );
}

fn gives(factor: f32) -> bool {
    // Of a comparison with NaN only the negation is true.
    return !(factor == 0.0);
}

fn store(row: u32, sum: f32) {
    var value = parameters.share * sum;
    if parameters.begin == 1u {
        value += parameters.keep * base[parameters.base_base + row];
    } else if parameters.begin == 2u {
        value += output[parameters.output_base + row];
    }
    output[parameters.output_base + row] = value;
}
