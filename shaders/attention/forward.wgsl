// Attention, an invocation a query.
//
//     out[i, h, :] = Σ_j softmax_j(q[i, h, :] · k[j, h, :] / √D) · v[j, h, :]     over the keys j that query i sees
//
// For devices without anything better: no workgroup memory, no subgroups. The softmax is taken online: the weights
// refer to the highest score so far (peak = m, their sum total = l), and what was gathered fades by exp(m_old − m_new)
// when a higher one comes. A step handles several keys, so a sequence may have that many times more keys than an
// invocation may run iterations; features are unrolled by the template.
//
// Literals: invocations; width D; aligned: D is a multiple of 4; step: keys of a step;
// statistics: peak and total are written too; half_input: operands are halves; half_output: so is the output.

{% from "common/quads.wgsl" import read_quad %}
{% set quads = (width + 3) // 4 %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% set half_element = "vec4<f16>" if aligned else "f16" %}
{% set input_element = half_element if half_input else element %}
{% set heads = "call.heads" %}
{% set owned = "query" %}
{% set other = "key" %}
{% include "attention/forward_operands.wgsl" %}
{% include "attention/main.plain.wgsl" %}
{{ read_quad("value", width, aligned, "vec4<f32>", half_input) }}

fn compute(task: Task) {
    let input = input_of(task, task.head);
    let token = token_of(task.run);
    let moment = query_moment(token);
{% include "attention/own.plain.wgsl" %}
{% for d in range(quads) %}
    var sum{{ d }} = vec4<f32>();
{% endfor %}
    var peak = LOWEST;
    var total = 0.0;
    for (var first = 0u; first < call.keys; first += {{ step }}u) {
{% include "attention/scores.plain.wgsl" %}
{% include "attention/softmax.plain.wgsl" %}
        // An unseen value may be NaN: it is left out, not multiplied by zero.
{% for j in range(step) %}
        let value{{ j }} = value_start(input, first + {{ j }}u);
{% endfor %}
{% for d in range(quads) %}
        var gathered{{ d }} = vec4<f32>();
{% for j in range(step) %}
        gathered{{ d }} += weight{{ j }} * select(vec4<f32>(), value_quad(value{{ j }}, {{ d }}u), seen{{ j }});
{% endfor %}
        sum{{ d }} = sum{{ d }} * fade + gathered{{ d }};
{% endfor %}
    }

{% if statistics %}
    store_statistics(task, token, peak, total);
{% endif %}
    if total == 0.0 && call.empty_row == 1u {
        for (var j = 0u; j < call.keys; j += 1u) {
            let at = value_start(input, j);
{% for d in range(quads) %}
            sum{{ d }} += value_quad(at, {{ d }}u);
{% endfor %}
        }
        total = f32(call.keys);
    }
    let share = select(1.0 / total, 0.0, total == 0.0);
    let to = output_start(task, token);
{% for d in range(quads) %}
{% if aligned %}
    output[to / 4u + {{ d }}u] = stored(sum{{ d }} * share);
{% else %}
    let result{{ d }} = stored(sum{{ d }} * share);
{% for c in range(4) if 4 * d + c < width %}
    output[to + {{ 4 * d + c }}u] = result{{ d }}[{{ c }}];
{% endfor %}
{% endif %}
{% endfor %}
}
