// One step of attention rollout, an invocation a key.
//
//     out[j] = keep · base[j] + pass · mean_h Σ_i weights[i] · P_h[i, j]     over the queries i of j's sequence
//
//     P_h[i, j] = exp(q[i, h, :] · k[j, h, :] / √D − m[h, i]) / l[h, i]      where i sees j, else 0
//
// For devices without anything better. No probability is stored: each is computed where it is needed, from the
// statistics m and l of its row. A step handles several queries, and steps are added up in runs: a long sum's rounding
// stays small.
//
// Literals: invocations; width D; aligned: D is a multiple of 4; step: queries of a step; run: of a run.

{% set quads = (width + 3) // 4 %}
{% set input_element = "vec4<f32>" if aligned else "f32" %}
{% set heads = "1u" %}
{% set owned = "key" %}
{% set other = "query" %}
{% include "attention/rollout_operands.wgsl" %}
{% include "attention/main.plain.wgsl" %}

// Queries of a run.
const RUN: u32 = {{ run }}u;

fn compute(task: Task) {
    let token = token_of(task.run);
    let moment = key_moment(task, token);
    var sum = 0.0;
    for (var head = 0u; head < call.heads; head += 1u) {
        let input = input_of(task, head);
{% include "attention/own.plain.wgsl" %}
        var head_sum = 0.0;
        for (var start = 0u; start < call.keys; start += RUN) {
            let end = min(call.keys, start + RUN);
            var run_sum = 0.0;
            for (var first = start; first < end; first += {{ step }}u) {
{% for i in range(step) %}
                let giver{{ i }} = giver(task, head, first + {{ i }}u);
                let gives{{ i }} = gives(giver{{ i }}.factor);
{% endfor %}
                run_sum += {% for i in range(step) %}giver{{ i }}.everywhere{{ " + " if not loop.last }}{% endfor %};
                if {% for i in range(step) %}gives{{ i }}{{ " || " if not loop.last }}{% endfor %} {
{% include "attention/scores.plain.wgsl" %}
{% for i in range(step) %}
                    let given{{ i }} = exp(score{{ i }} - giver{{ i }}.peak) * giver{{ i }}.factor;
{% endfor %}
                    run_sum += {% for i in range(step) %}select(0.0, given{{ i }}, seen{{ i }} && gives{{ i }}){{ " + " if not loop.last }}{% endfor %};
                }
            }
            head_sum += run_sum;
        }
        sum += head_sum;
    }
    store(task, token, sum);
}
