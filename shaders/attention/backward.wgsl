// The gradients of attention, an invocation a query, and in a second launch an invocation a key.
//
//     dq[i] = Σ_j dS[i, j] · k[j] / √D      dk[j] = Σ_i dS[i, j] · q[i] / √D      dv[j] = Σ_i P[i, j] · dy[i]
//     P[i, j] = exp(q[i] · k[j] / √D − m[i]) / l[i]      dS[i, j] = P[i, j] · (dy[i] · v[j] − products[i])
//
// for each head, over pairs where query i sees key j; products[i] = y[i] · dy[i]. For devices without anything better: no
// workgroup memory, no subgroups. Scores are computed again in both launches, seven products over D instead of five, so
// that every sum has one writer: no atomics, the same bits on every run.
//
// Literals: invocations; width D; aligned: D is a multiple of 4; of_queries: which launch this is; step: keys of a step.

{% from "common/quads.wgsl" import read_quad %}
{% set quads = (width + 3) // 4 %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% set input_element = element %}
{% set heads = "call.heads" %}
{% set owned = "query" if of_queries else "key" %}
{% set other = "key" if of_queries else "query" %}
{% include "attention/backward_operands.wgsl" %}
{% include "attention/main.plain.wgsl" %}
{{ read_quad("value", width, aligned) }}
{{ read_quad("gradient", width, aligned) }}

{% if of_queries %}
fn compute(task: Task) {
    let input = input_of(task, task.head);
    let token = token_of(task.run);
    let moment = query_moment(token);
{% include "attention/own.plain.wgsl" %}
    let numbers = numbers_of(task, token);
    let of_row = gradient_start(gradients_of(task), token);
{% for d in range(quads) %}
    let of_output{{ d }} = gradient_quad(of_row, {{ d }}u);
    var sum{{ d }} = vec4<f32>();
{% endfor %}
    // A query that saw no key has nothing to add up.
    let keys = select(call.keys, 0u, numbers.y == 0.0);
    for (var first = 0u; first < keys; first += {{ step }}u) {
{% include "attention/scores.plain.wgsl" %}
{% for j in range(step) %}
        let value{{ j }} = value_start(input, first + {{ j }}u);
        var along{{ j }} = vec4<f32>();
{% for d in range(quads) %}
        along{{ j }} += of_output{{ d }} * value_quad(value{{ j }}, {{ d }}u);
{% endfor %}
        let probability{{ j }} = exp(score{{ j }} - numbers.x) / numbers.y;
        let of_score{{ j }} = probability{{ j }} * (dot(along{{ j }}, vec4(1.0)) - numbers.z);
{% endfor %}
        // An unseen key may be NaN: it is left out, not multiplied by zero.
{% for d in range(quads) %}
{% for j in range(step) %}
        sum{{ d }} += select(vec4<f32>(), of_score{{ j }} * key_quad(start{{ j }}, {{ d }}u), seen{{ j }});
{% endfor %}
{% endfor %}
    }
    let to = written_start(input, token);
{% for d in range(quads) %}
    store(to, {{ d }}u, sum{{ d }} * call.scale);
{% endfor %}
}
{% else %}
{% set step = 1 %}
fn compute(task: Task) {
    let input = input_of(task, task.head);
    let token = token_of(task.run);
    let moment = key_moment(task, token);
{% include "attention/own.plain.wgsl" %}
    let own_value = value_start(input, token);
    let gradients = gradients_of(task);
{% for d in range(quads) %}
    let value{{ d }} = value_quad(own_value, {{ d }}u);
    var of_key{{ d }} = vec4<f32>();
    var of_value{{ d }} = vec4<f32>();
{% endfor %}
    for (var first = 0u; first < call.keys; first += 1u) {
{% include "attention/scores.plain.wgsl" %}
        let numbers = numbers_of(task, first);
        let of_row = gradient_start(gradients, first);
        var along = vec4<f32>();
{% for d in range(quads) %}
        along += gradient_quad(of_row, {{ d }}u) * value{{ d }};
{% endfor %}
        let blind = numbers.y == 0.0;
        let probability = exp(score0 - numbers.x) / numbers.y;
        let of_score = probability * (dot(along, vec4(1.0)) - numbers.z);
        // Such a query gives every value the same share, or none.
        let share = select(probability, f32(call.empty_row) / f32(call.keys), blind);
        let weighs = select(seen0, call.empty_row == 1u, blind);
        let scored = seen0 && !blind;
{% for d in range(quads) %}
        of_key{{ d }} += select(vec4<f32>(), of_score * query_quad(start0, {{ d }}u), scored);
        of_value{{ d }} += select(vec4<f32>(), share * gradient_quad(of_row, {{ d }}u), weighs);
{% endfor %}
    }
    let to = written_start(input, token);
{% for d in range(quads) %}
    store(to, {{ d }}u, of_key{{ d }} * call.scale);
    store(to + call.plane, {{ d }}u, of_value{{ d }});
{% endfor %}
}
{% endif %}
