// The probabilities of attention, an invocation a query and head.
//
//     out[s, h, i, j] = softmax_j(q[i, h, :] · k[j, h, :] / √D)     over the keys j that query i sees, 0 for the others
//
// For pictures and comparisons: fast kernels never store probabilities. The first pass leaves the scores in the output
// and finds peak = m = max_j and total = l = Σ_j exp(score − m); the second turns the scores into probabilities. A step
// handles several keys.
//
// Literals: invocations; width D; aligned: D is a multiple of 4; step: keys of a step.

{% set quads = (width + 3) // 4 %}
{% set input_element = "vec4<f32>" if aligned else "f32" %}
{% set heads = "call.heads" %}
{% set owned = "query" %}
{% set other = "key" %}

struct Uniform {
{% include "attention/fields.wgsl" %}
    output_head: u32,
    empty_row: u32,        // a query that sees no key: 0 has probabilities of 0, 1 the same of all keys
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> query: array<{{ input_element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ input_element }}>;     // [3H, R, D] or [R, 3C]
@group(0) @binding(3) var<storage, read> validity: array<u32>;                // [B, T]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;            // [sequences, heads, queries, keys]

{% include "attention/sequence.wgsl" %}
{% include "attention/main.plain.wgsl" %}

fn compute(task: Task) {
    let input = input_of(task, task.head);
    let token = token_of(task.run);
    let moment = query_moment(token);
    let to = call.output_base + row_of(task, token) * call.keys + task.head * call.output_head;
{% include "attention/own.plain.wgsl" %}
    var peak = LOWEST;
    var total = 0.0;
    for (var first = 0u; first < call.keys; first += {{ step }}u) {
{% include "attention/scores.plain.wgsl" %}
{% for j in range(step) %}
        if first + {{ j }}u < call.keys {
            output[to + first + {{ j }}u] = select(LOWEST, score{{ j }}, seen{{ j }});
        }
{% endfor %}
{% include "attention/softmax.plain.wgsl" %}
    }

    let nothing_seen = total == 0.0;
    let unseen = select(0.0, 1.0 / f32(call.keys), nothing_seen && call.empty_row == 1u);
    for (var first = 0u; first < call.keys; first += {{ step }}u) {
{% for j in range(step) %}
        if first + {{ j }}u < call.keys {
            let score = output[to + first + {{ j }}u];
            output[to + first + {{ j }}u] = select(exp(score - peak) / total, unseen, score == LOWEST);
        }
{% endfor %}
    }
}
