// The statistics of attention's softmax, an invocation a query and head.
//
//     out[h, 0, i] = m = max_j s[i, j],   out[h, 1, i] = l = Σ_j exp(s[i, j] − m),   s[i, j] = q[i, h, :] · k[j, h, :] / √D
//
// over the keys j that query i sees. For devices without anything better. A step handles several keys, so a sequence
// may have that many times more keys than an invocation may run iterations; a step's sum is added whole, which keeps a
// long sum's rounding small.
//
// Literals: invocations; width D; aligned: D is a multiple of 4; step: keys of a step.

{% set quads = (width + 3) // 4 %}
{% set input_element = "vec4<f32>" if aligned else "f32" %}
{% set heads = "call.heads" %}
{% set owned = "query" %}
{% set other = "key" %}
{% include "attention/normaliser_operands.wgsl" %}
{% include "attention/main.plain.wgsl" %}

fn compute(task: Task) {
    let input = input_of(task, task.head);
    let token = token_of(task.run);
    let moment = query_moment(token);
    let keys = select(0u, call.keys, takes_part(row_of(task, token)));
{% include "attention/own.plain.wgsl" %}
    var peak = LOWEST;
    var total = 0.0;
    for (var first = 0u; first < keys; first += {{ step }}u) {
{% include "attention/scores.plain.wgsl" %}
{% include "attention/softmax.plain.wgsl" %}
    }
    store(task, token, peak, total);
}
