// The statistics of attention's softmax, one subgroup of S lanes a workgroup.
//
//     out[h, 0, i] = m = max_j s[i, j],   out[h, 1, i] = l = Σ_j exp(s[i, j] − m),   s[i, j] = q[i, h, :] · k[j, h, :] / √D
//
// over the keys j that query i sees. For software devices: the first half of `attention/forward.subgroup.wgsl`; a score
// is dropped once its exponential is added up. A lane owns `queries` / S rows with their peak (m) and total (l); the
// keys are loaded once a workgroup, spread over the lanes, and broadcast from constant lanes.
//
// Literals: S; queries of a tile, 2·S or 4·S; keys, a multiple of S; width D; aligned: D is a multiple of 4; wide: of 8,
// and the device has 64-bit integers, so that two f32 are loaded as one; masked: `causal` and `validity` are obeyed.

{% set own = queries // S %}
{% set Row = "vec" ~ own ~ "<f32>" %}
{% set chunk = 8 if wide else 4 %}
{% set chunks = (width + chunk - 1) // chunk %}
{% set input_element = "vec4<u64>" if wide else ("vec4<f32>" if aligned else "f32") %}
{% set heads = "call.heads" %}
{% set owned = "query" %}
{% set other = "key" %}
{% set operands = ["query", "key"] %}
{% include "attention/normaliser_operands.wgsl" %}
{% include "attention/rows.subgroup.wgsl" %}
{% include "attention/main.subgroup.wgsl" %}

fn compute(task: Task, lane: u32) {
    let input = input_of(task, task.head);
{% include "attention/tokens.subgroup.wgsl" %}
{% set factor = "call.scale" %}
{% include "attention/own.subgroup.wgsl" %}

    var peak = {{ Row }}(LOWEST);
    var total = {{ Row }}();
    let busy = subgroupAny({% for c in range(own) %}takes_part(row_of(task, token{{ c }})){{ " || " if not loop.last }}{% endfor %});
    let end = select(0u, call.keys, busy);
    for (var block = 0u; block < end; block += {{ keys }}u) {
{% set first_other = "block" %}
{% include "attention/scores.subgroup.wgsl" %}
        var highest = peak;
{% for k in range(keys) %}
        highest = max(highest, select({{ Row }}(LOWEST), score{{ k }}, seen{{ k }}));
{% endfor %}
        var block_total = {{ Row }}();
{% for k in range(keys) %}
        block_total += select({{ Row }}(), exp(score{{ k }} - highest), seen{{ k }});
{% endfor %}
        total = total * exp(peak - highest) + block_total;
        peak = highest;
    }
{% for c in range(own) %}
    if first + {{ c }}u < call.queries {
        store(task, token{{ c }}, peak.{{ "xyzw"[c] }}, total.{{ "xyzw"[c] }});
    }
{% endfor %}
}
