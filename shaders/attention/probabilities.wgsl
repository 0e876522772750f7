// The probabilities of attention, an invocation a query and head.
//
//     out[s, h, i, j] = softmax_j(q[i, h, :] · k[j, h, :] / √D)     over the keys j that query i sees, 0 for the others
//
// For looking at: what has to be fast never stores them. The first pass leaves the scores in the output, the second
// turns them into probabilities. A step handles several keys.
//
// Literals: invocations; width D; aligned: D is a multiple of 4; step: keys of a step.

{% from "common/quads.wgsl" import read_quad %}
{% set quads = (width + 3) // 4 %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% include "attention/sequence.wgsl" %}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> query: array<{{ element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ element }}>;     // [3H, R, D] or [R, 3C]
@group(0) @binding(3) var<storage, read> validity: array<u32>;          // [B, T]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;      // [sequences, heads, queries, keys]

const INVOCATIONS: u32 = {{ invocations }}u;

{{ read_quad("query", width, aligned) }}
{{ read_quad("key", width, aligned) }}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    let token = call.first_query + place % call.queries;
    let head = place / call.queries % call.heads;
    let sequence = place / call.queries / call.heads;
    if sequence >= call.sequences {
        return;
    }
    let outer = sequence / call.inner_sequences;
    let inner = sequence % call.inner_sequences;
    let input = outer * call.input_outer + inner * call.input_inner + head * call.input_head;
    let first_query = call.query_base + input + token * call.input_token;
    let first_key = call.key_base + input;
    let now = query_moment(token);
    let to = call.output_base + outer * call.output_outer + inner * call.output_inner
        + token * call.output_token + head * call.output_head;

{% for d in range(quads) %}
    let q{{ d }} = query_quad(first_query, {{ d }}u) * call.scale;
{% endfor %}
    var peak = LOWEST;
    var total = 0.0;
    for (var first = 0u; first < call.keys; first += {{ step }}u) {
{% for j in range(step) %}
        let seen{{ j }} = key_moment(outer, first + {{ j }}u) <= now;
        let key{{ j }} = first_key + min(first + {{ j }}u, call.keys - 1u) * call.input_token;
        var products{{ j }} = vec4<f32>();
{% for d in range(quads) %}
        products{{ j }} += q{{ d }} * key_quad(key{{ j }}, {{ d }}u);
{% endfor %}
        let score{{ j }} = select(LOWEST, dot(products{{ j }}, vec4(1.0)), seen{{ j }});
        if first + {{ j }}u < call.keys {
            output[to + first + {{ j }}u] = score{{ j }};
        }
{% endfor %}
        var highest = peak;
{% for j in range(step) %}
        highest = max(highest, score{{ j }});
{% endfor %}
        total *= exp(peak - highest);
        peak = highest;
{% for j in range(step) %}
        total += select(0.0, exp(score{{ j }} - peak), seen{{ j }});
{% endfor %}
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
