// One step of attention rollout, an invocation a key.
//
//     out[j] = keep · base[j] + pass · mean_h Σ_i weights[i] · P_h[i, j]     over the queries i of j's sequence
//
//     P_h[i, j] = exp(q[i, h, :] · k[j, h, :] / √D − m[h, i]) / Σ[h, i]      where i sees j, else 0
//
// For devices without anything better. No probability is stored: each is computed where it is needed, from what the
// softmax of its row divides by. A step handles several queries, and steps are added up in runs: a long sum's rounding
// stays small.
//
// Literals: invocations; width D; aligned: D is a multiple of 4; step: queries of a step; run: of a run.

{% from "common/quads.wgsl" import read_quad %}
{% set quads = (width + 3) // 4 %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% include "attention/rollout_operands.wgsl" %}
@group(0) @binding(1) var<storage, read> query: array<{{ element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ element }}>;     // [3H, R, D] or [R, 3C]

const INVOCATIONS: u32 = {{ invocations }}u;
// Queries of a run.
const RUN: u32 = {{ run }}u;

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
    let sequence = place / call.queries;
    if sequence >= call.sequences {
        return;
    }
    let outer = sequence / call.inner_sequences;
    let inner = sequence % call.inner_sequences;
    let since = key_moment(outer, token);

    var sum = 0.0;
    for (var head = 0u; head < call.heads; head += 1u) {
        let input = outer * call.input_outer + inner * call.input_inner + head * call.input_head;
        let own_key = call.key_base + input + token * call.input_token;
{% for d in range(quads) %}
        let k{{ d }} = key_quad(own_key, {{ d }}u) * call.scale;
{% endfor %}
        var head_sum = 0.0;
        for (var start = 0u; start < call.keys; start += RUN) {
            let end = min(call.keys, start + RUN);
            var run_sum = 0.0;
            for (var first = start; first < end; first += {{ step }}u) {
{% for i in range(step) %}
                let giver{{ i }} = giver(outer, inner, head, first + {{ i }}u);
                let query{{ i }} = call.query_base + input + min(first + {{ i }}u, call.keys - 1u) * call.input_token;
                let seen{{ i }} = gives(giver{{ i }}.factor) && since <= query_moment(first + {{ i }}u);
{% endfor %}
                run_sum += {% for i in range(step) %}giver{{ i }}.everywhere{{ " + " if not loop.last }}{% endfor %};
                if {% for i in range(step) %}seen{{ i }}{{ " || " if not loop.last }}{% endfor %} {
{% for i in range(step) %}
                    var products{{ i }} = vec4<f32>();
{% for d in range(quads) %}
                    products{{ i }} += k{{ d }} * query_quad(query{{ i }}, {{ d }}u);
{% endfor %}
                    let given{{ i }} = exp(dot(products{{ i }}, vec4(1.0)) - giver{{ i }}.highest) * giver{{ i }}.factor;
{% endfor %}
                    run_sum += {% for i in range(step) %}select(0.0, given{{ i }}, seen{{ i }}){{ " + " if not loop.last }}{% endfor %};
                }
            }
            head_sum += run_sum;
        }
        sum += head_sum;
    }
    store(row_of(outer, inner, token), sum);
}
