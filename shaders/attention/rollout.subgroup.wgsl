// One step of attention rollout, one subgroup of S lanes a workgroup.
//
//     out[j] = keep · base[j] + pass · mean_h Σ_i weights[i] · P_h[i, j]     over the queries i of j's sequence
//
//     P_h[i, j] = exp(q[i, h, :] · k[j, h, :] / √D − m[h, i]) / l[h, i]      where i sees j, else 0
//
// For software devices. No probability is stored: each is computed where it is needed, from the statistics m and l of
// its row. A lane owns the keys of some rows and keeps their sums; the queries are loaded once a workgroup, spread over
// the lanes, and broadcast from constant lanes. Blocks of queries that all have weight 0 are passed over, in a loop of
// its own: such a device runs the whole body of a loop whatever the branches say. Blocks are added up in runs: a long
// sum's rounding stays small.
//
// Literals: S; queries: rows of a tile, 2·S or 4·S; keys: tokens of a block, a multiple of S; run: queries of a run, a
// multiple of them; width D; aligned: D is a multiple of 4; wide: of 8, and the device has 64-bit integers, so that two
// f32 are loaded as one; masked: `causal` and `validity` are obeyed.

{% set own = queries // S %}
{% set Row = "vec" ~ own ~ "<f32>" %}
{% set chunk = 8 if wide else 4 %}
{% set chunks = (width + chunk - 1) // chunk %}
{% set input_element = "vec4<u64>" if wide else ("vec4<f32>" if aligned else "f32") %}
{% set heads = "1u" %}
{% set owned = "key" %}
{% set other = "query" %}
{% set operands = ["query", "key"] %}
{% include "attention/rollout_operands.wgsl" %}
{% include "attention/rows.subgroup.wgsl" %}
{% include "attention/main.subgroup.wgsl" %}

// Queries of a run.
const RUN: u32 = {{ run }}u;

fn compute(task: Task, lane: u32) {
{% include "attention/tokens.subgroup.wgsl" %}
    var sum = {{ Row }}();
    var everywhere = 0.0;
    for (var head = 0u; head < call.heads; head++) {
        let input = input_of(task, head);
{% set factor = "call.scale" %}
{% include "attention/own.subgroup.wgsl" %}
        var head_sum = {{ Row }}();
        for (var start = 0u; start < call.keys; start += RUN) {
            let end = min(call.keys, start + RUN);
            var run_sum = {{ Row }}();
            var block = start;
            loop {
{% for i in range(keys // S) %}
                var giver{{ i }}: Giver;
{% endfor %}
                var busy = false;
                while !busy && block < end {
                    busy = false;
{% for i in range(keys // S) %}
                    giver{{ i }} = giver(task, head, block + {{ i * S }}u + lane);
                    everywhere += giver{{ i }}.everywhere;
                    busy |= gives(giver{{ i }}.factor);
{% endfor %}
                    busy = subgroupAny(busy);
                    block += {{ keys }}u;
                }
{% set first_other = "block - " ~ keys ~ "u" %}
{% include "attention/scores.subgroup.wgsl" %}
                var block_sum = {{ Row }}();
{% for o in range(keys) %}
                let factor{{ o }} = subgroupBroadcast(giver{{ o // S }}.factor, {{ o % S }}u);
                let given{{ o }} = exp(score{{ o }} - subgroupBroadcast(giver{{ o // S }}.peak, {{ o % S }}u)) * factor{{ o }};
                block_sum += select({{ Row }}(), given{{ o }}, seen{{ o }} & vec{{ own }}<bool>(gives(factor{{ o }})));
{% endfor %}
                run_sum += block_sum;
                continuing {
                    break if block >= end;
                }
            }
            head_sum += run_sum;
        }
        sum += head_sum;
    }
    sum += subgroupAdd(everywhere);
{% for c in range(own) %}
    if first + {{ c }}u < call.queries {
        store(task, token{{ c }}, sum.{{ "xyzw"[c] }});
    }
{% endfor %}
}
