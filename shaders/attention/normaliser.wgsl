// What the softmax of attention divides by, an invocation a query and head.
//
//     out[h, 0, i] = m = max_j s[i, j],   out[h, 1, i] = Σ_j exp(s[i, j] − m),   s[i, j] = q[i, h, :] · k[j, h, :] / √D
//
// over the keys j that query i sees. For devices without anything better. A step handles several keys, so there may be as
// many times more than an invocation may run iterations; a step's sum is added whole, which keeps a long sum's rounding
// small.
//
// Literals: invocations; width D; aligned: D is a multiple of 4; step: keys of a step.

{% from "common/quads.wgsl" import read_quad %}
{% set quads = (width + 3) // 4 %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% include "attention/normaliser_operands.wgsl" %}
@group(0) @binding(1) var<storage, read> query: array<{{ element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ element }}>;     // [3H, R, D] or [R, 3C]

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
    let row = row_of(outer, inner, token);
    let keys = select(0u, call.keys, takes_part(row));

{% for d in range(quads) %}
    let q{{ d }} = query_quad(first_query, {{ d }}u) * call.scale;
{% endfor %}
    var peak = LOWEST;
    var total = 0.0;
    for (var first = 0u; first < keys; first += {{ step }}u) {
{% for j in range(step) %}
        let seen{{ j }} = key_moment(outer, first + {{ j }}u) <= now;
        let key{{ j }} = first_key + min(first + {{ j }}u, call.keys - 1u) * call.input_token;
        var products{{ j }} = vec4<f32>();
{% for d in range(quads) %}
        products{{ j }} += q{{ d }} * key_quad(key{{ j }}, {{ d }}u);
{% endfor %}
        let score{{ j }} = dot(products{{ j }}, vec4(1.0));
{% endfor %}
        var highest = peak;
{% for j in range(step) %}
        highest = max(highest, select(LOWEST, score{{ j }}, seen{{ j }}));
{% endfor %}
        let fade = exp(peak - highest);
        peak = highest;
        total = total * fade{% for j in range(step) %} + select(0.0, exp(score{{ j }} - peak), seen{{ j }}){% endfor %};
    }
    store(row, head, peak, total);
}
