// The gradient of pooling, an invocation a column of {{ tokens }} tokens.
//
//     out[b, n, c] = gradient[b, c] · share[b, n, c]
//
// share is 1 of the first token, or of every token that counts 1 for a sum and 1 / their number for a mean; of a maximum
// 1 / ties for the tokens that equal it, and 0 for all others. Their number, ties, is counted by a launch of its own, an
// invocation a column: the maximum of no published model is pooled, so that is nothing to be fast at.
//
// Literals: kind: "token", "mean", "max" or "sum"; masked: only tokens of valid temporal indices count; counting: which
// launch this is; columns: of a workgroup; tokens: of an invocation.

struct Uniform {
{% include "rows/pool_fields.wgsl" %}
    continued: u32,         // 1 where an earlier launch has counted other tokens
    tokens_base: u32,       // elements bound before the first token, in the input and the output
    sequences_base: u32,    // and before the first sequence in all others
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [B, N, C], or none
@group(0) @binding(2) var<storage, read> validity: array<u32>;      // [B, T], or none
@group(0) @binding(3) var<storage, read> pooled: array<f32>;        // [B, C], or none
@group(0) @binding(4) var<storage, read> gradient: array<f32>;      // [B, C]
@group(0) @binding(5) var<storage, read_write> output: array<f32>;  // [B, N, C]
@group(0) @binding(6) var<storage, read_write> ties: array<f32>;    // [B, C]

const COLUMNS: u32 = {{ columns }}u;
const TOKENS: u32 = {{ tokens }}u;

{% include "rows/pool_validity.wgsl" %}
{% include "rows/softmax_maximum.wgsl" %}

fn token_place(sequence: u32, token: u32, column: u32) -> u32 {
    return call.tokens_base + (sequence * call.sequence_tokens + token) * call.width + column;
}

{% if counting %}
fn compute(sequence: u32, run: u32, column: u32) {
    let at = call.sequences_base + sequence * call.width + column;
    var equal = select(0.0, ties[at], call.continued == 1u);
    for (var token = 0u; token < call.tokens; token += 1u) {
        let is_highest = counts(sequence, token) && input[token_place(sequence, token, column)] == pooled[at];
        equal += select(0.0, 1.0, is_highest);
    }
    ties[at] = equal;
}
{% else %}
fn compute(sequence: u32, run: u32, column: u32) {
    let at = call.sequences_base + sequence * call.width + column;
    var share = gradient[at];
    {% if kind == "mean" %}
    share /= valid_tokens(sequence);
    {% elif kind == "max" %}
    // Nothing equals a NaN: then every token that counts has a NaN.
    let is_unknown = is_nan(pooled[at]);
    share = select(share / ties[at], pooled[at], is_unknown);
    {% endif %}
    for (var token = run * TOKENS; token < min(run * TOKENS + TOKENS, call.tokens); token += 1u) {
        let to = token_place(sequence, token, column);
        {% if kind == "token" %}
        let has_share = call.first_token + token == 0u;
        {% elif kind == "max" %}
        let has_share = counts(sequence, token) && (is_unknown || input[to] == pooled[at]);
        {% else %}
        let has_share = counts(sequence, token);
        {% endif %}
        output[to] = select(0.0, share, has_share);
    }
}
{% endif %}

@compute @workgroup_size(COLUMNS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let blocks = (call.width + COLUMNS - 1u) / COLUMNS;
    let runs = {{ "1u" if counting else "(call.tokens + TOKENS - 1u) / TOKENS" }};
    let index = group.x + group.y * groups.x;
    let column = index % blocks * COLUMNS + lane;
    let sequence = index / blocks / runs;
    if sequence < call.sequences && column < call.width {
        compute(sequence, index / blocks % runs, column);
    }
}
