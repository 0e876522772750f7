{#- What every variant of rollout shares; query and key are arrays of `input_element`. A launch's own tokens are keys:
    `queries` of each sequence, from `first_query` on. A task has all heads. -#}
struct Uniform {
{% include "attention/fields.wgsl" %}
    rows: u32,             // R
    empty_row: u32,        // a query that sees no key: 0 hands out nothing, 1 the same to all keys
    normaliser_base: u32,
    weights_base: u32,
    base_base: u32,
    begin: u32,            // the output begins with: 0 nothing, 1 keep · base, 2 what an earlier launch left
    keep: f32,
    share: f32,            // of each head in the sum
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> query: array<{{ input_element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ input_element }}>;     // [3H, R, D] or [R, 3C]
@group(0) @binding(3) var<storage, read> normaliser: array<f32>;              // [heads, 2, R]
@group(0) @binding(4) var<storage, read> weights: array<f32>;                 // [R]
@group(0) @binding(5) var<storage, read> base: array<f32>;                    // [R]
@group(0) @binding(6) var<storage, read> validity: array<u32>;                // [B, T]
@group(0) @binding(7) var<storage, read_write> output: array<f32>;            // [R]

{% include "attention/sequence.wgsl" %}

// What a query hands to the keys of its sequence: exp(score − peak) · factor to each that it sees, and `everywhere` to every
// one. A query beyond the last and one of weight 0 hand out nothing: factor 0.
struct Giver {
    peak: f32,
    factor: f32,
    everywhere: f32,
}

// Without a branch: software devices run both sides of each.
fn giver(task: Task, head: u32, token: u32) -> Giver {
    let row = row_of(task, min(token, call.keys - 1u));
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
    // A comparison with NaN is false: only its negation holds.
    return !(factor == 0.0);
}

fn store(task: Task, token: u32, sum: f32) {
    let row = row_of(task, token);
    var value = call.share * sum;
    if call.begin == 1u {
        value += call.keep * base[call.base_base + row];
    } else if call.begin == 2u {
        value += output[call.output_base + row];
    }
    output[call.output_base + row] = value;
}
