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

@group(0) @binding(0) var<uniform> parameters: Parameters;
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
    let token = parameters.first_query + place % parameters.queries;
    let head = place / parameters.queries % parameters.heads;
    let sequence = place / parameters.queries / parameters.heads;
    if sequence >= parameters.sequences {
        return;
    }
    let outer = sequence / parameters.inner_sequences;
    let inner = sequence % parameters.inner_sequences;
    let input = outer * parameters.input_outer + inner * parameters.input_inner + head * parameters.input_head;
    let first_query = parameters.query_base + input + token * parameters.input_token;
    let first_key = parameters.key_base + input;
    let now = query_moment(token);
    let to = parameters.output_base + outer * parameters.output_outer + inner * parameters.output_inner
        + token * parameters.output_token + head * parameters.output_head;

{% for d in range(quads) %}
    let q{{ d }} = query_quad(first_query, {{ d }}u) * parameters.scale;
{% endfor %}
    var peak = LOWEST;
    var total = 0.0;
    for (var first = 0u; first < parameters.keys; first += {{ step }}u) {
{% for j in range(step) %}
        let seen{{ j }} = key_moment(outer, first + {{ j }}u) <= now;
        let key{{ j }} = first_key + min(first + {{ j }}u, parameters.keys - 1u) * parameters.input_token;
        var products{{ j }} = vec4<f32>();
{% for d in range(quads) %}
        products{{ j }} += q{{ d }} * key_quad(key{{ j }}, {{ d }}u);
{% endfor %}
        let score{{ j }} = select(LOWEST, dot(products{{ j }}, vec4(1.0)), seen{{ j }});
        if first + {{ j }}u < parameters.keys {
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
    let unseen = select(0.0, 1.0 / f32(parameters.keys), nothing_seen && parameters.empty_row == 1u);
    for (var first = 0u; first < parameters.keys; first += {{ step }}u) {
{% for j in range(step) %}
        if first + {{ j }}u < parameters.keys {
            let score = output[to + first + {{ j }}u];
            output[to + first + {{ j }}u] = select(exp(score - peak) / total, unseen, score == LOWEST);
        }
{% endfor %}
    }
}
