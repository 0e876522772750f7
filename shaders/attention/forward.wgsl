// Attention, an invocation a query.
//
//     out[i, h, :] = Σ_j softmax_j(q[i, h, :] · k[j, h, :] / √D) · v[j, h, :]     over the keys j that query i sees
//
// For devices without anything better: no workgroup memory, no subgroups. The softmax is taken online: the weights
// refer to the highest score so far, and what was gathered fades when a higher one comes. A step handles several keys,
// so there may be as many times more than an invocation may run iterations; features are unrolled by the template.
//
// Literals: invocations; width D; aligned: D is a multiple of 4; step: keys of a step.

{% from "common/quads.wgsl" import read_quad %}
{% set quads = (width + 3) // 4 %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% include "attention/sequence.wgsl" %}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> query: array<{{ element }}>;          // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ element }}>;            // [3H, R, D] or [R, 3C]
@group(0) @binding(3) var<storage, read> value: array<{{ element }}>;          // [3H, R, D] or [R, 3C]
@group(0) @binding(4) var<storage, read> validity: array<u32>;                 // [B, T]
@group(0) @binding(5) var<storage, read_write> output: array<{{ element }}>;   // [R, C]

const INVOCATIONS: u32 = {{ invocations }}u;

{{ read_quad("query", width, aligned) }}
{{ read_quad("key", width, aligned) }}
{{ read_quad("value", width, aligned) }}

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
    let first_value = call.value_base + input;
    let last_key = call.keys - 1u;
    let now = query_moment(token);

{% for d in range(quads) %}
    let q{{ d }} = query_quad(first_query, {{ d }}u) * call.scale;
    var sum{{ d }} = vec4<f32>();
{% endfor %}
    var peak = LOWEST;
    var total = 0.0;
    for (var first = 0u; first < call.keys; first += {{ step }}u) {
{% for j in range(step) %}
        let at{{ j }} = min(first + {{ j }}u, last_key) * call.input_token;
        let seen{{ j }} = key_moment(outer, first + {{ j }}u) <= now;
        var products{{ j }} = vec4<f32>();
{% for d in range(quads) %}
        products{{ j }} += q{{ d }} * key_quad(first_key + at{{ j }}, {{ d }}u);
{% endfor %}
        let score{{ j }} = dot(products{{ j }}, vec4(1.0));
{% endfor %}
        var highest = peak;
{% for j in range(step) %}
        highest = max(highest, select(LOWEST, score{{ j }}, seen{{ j }}));
{% endfor %}
        let fade = exp(peak - highest);
        peak = highest;
{% for j in range(step) %}
        let weight{{ j }} = select(0.0, exp(score{{ j }} - peak), seen{{ j }});
{% endfor %}
        total = total * fade + ({% for j in range(step) %}weight{{ j }}{{ " + " if not loop.last }}{% endfor %});
        // An unseen value may be NaN: it is left out, not multiplied by zero.
{% for d in range(quads) %}
        var gathered{{ d }} = vec4<f32>();
{% for j in range(step) %}
        gathered{{ d }} += weight{{ j }} * select(vec4<f32>(), value_quad(first_value + at{{ j }}, {{ d }}u), seen{{ j }});
{% endfor %}
        sum{{ d }} = sum{{ d }} * fade + gathered{{ d }};
{% endfor %}
    }

    if total == 0.0 && call.empty_row == 1u {
        for (var j = 0u; j < call.keys; j += 1u) {
            let at = first_value + j * call.input_token;
{% for d in range(quads) %}
            sum{{ d }} += value_quad(at, {{ d }}u);
{% endfor %}
        }
        total = f32(call.keys);
    }
    let share = select(1.0 / total, 0.0, total == 0.0);
    let to = call.output_base + outer * call.output_outer + inner * call.output_inner
        + token * call.output_token + head * call.output_head;
{% for d in range(quads) %}
{% if aligned %}
    output[to / 4u + {{ d }}u] = sum{{ d }} * share;
{% else %}
{% for c in range(4) if 4 * d + c < width %}
    output[to + {{ 4 * d + c }}u] = sum{{ d }}[{{ c }}] * share;
{% endfor %}
{% endif %}
{% endfor %}
}
