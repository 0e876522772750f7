// One step of attention rollout, one subgroup of S lanes a workgroup.
//
//     out[j] = keep · base[j] + pass · mean_h Σ_i weights[i] · P_h[i, j]     over the queries i of j's sequence
//
//     P_h[i, j] = exp(q[i, h, :] · k[j, h, :] / √D − m[h, i]) / Σ[h, i]      where i sees j, else 0
//
// For software devices. No probability is stored: each is computed where it is needed, from what the softmax of its row
// divides by. A lane owns the keys of some rows and keeps their sums; the queries are loaded once a workgroup, spread over
// the lanes, and broadcast from constant lanes. Blocks of queries that all have weight 0 are passed over, in a loop of its
// own: such a device runs the whole of a loop's body whatever is branched over. Blocks are added up in runs: a long sum's
// rounding stays small.
//
// Literals: S; queries: rows of a tile, 2·S or 4·S; keys: tokens of a block, a multiple of S; run: queries of a run, a
// multiple of them; width D; aligned: D is a multiple of 4; wide: of 8, and the device has 64-bit integers, so that two
// f32 are loaded as one; masked: `causal` and `validity` are obeyed.

{% set own = queries // S %}
{% set Row = "vec" ~ own ~ "<f32>" %}
{% set chunk = 8 if wide else 4 %}
{% set chunks = (width + chunk - 1) // chunk %}
{% set others = keys %}
{% set input_element = "vec4<u64>" if wide else ("vec4<f32>" if aligned else "f32") %}
{% include "attention/rollout_operands.wgsl" %}
@group(0) @binding(1) var<storage, read> query: array<{{ input_element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ input_element }}>;     // [3H, R, D] or [R, 3C]

{% set operands = ["query", "key"] %}
{% include "attention/rows.subgroup.wgsl" %}

// Queries of a run.
const RUN: u32 = {{ run }}u;

@compute @workgroup_size({{ S }})
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let group = workgroup.x + workgroup.y * workgroups.x;
    if group >= call.groups { return; }
    let tiles = (call.queries + {{ queries - 1 }}u) / {{ queries }}u;
    let first = group % tiles * {{ queries }}u + lane * {{ own }}u;
    let sequence = group / tiles;
    let outer = sequence / call.inner_sequences;
    let inner = sequence % call.inner_sequences;
    let last_query = call.keys - 1u;

    // Keys beyond the last repeat it and are not stored.
{% for c in range(own) %}
    let token{{ c }} = call.first_query + min(first + {{ c }}u, call.queries - 1u);
{% endfor %}
{% if masked %}
    let since = vec{{ own }}<u32>({% for c in range(own) %}key_moment(outer, token{{ c }}){{ ", " if not loop.last }}{% endfor %});
{% endif %}

    var sum = {{ Row }}();
    var everywhere = 0.0;
    for (var head = 0u; head < call.heads; head++) {
        let input = outer * call.input_outer + inner * call.input_inner + head * call.input_head;
{% set owned = "key" %}
{% set factor = "call.scale" %}
{% include "attention/own.subgroup.wgsl" %}
        var head_sum = {{ Row }}();
        for (var start = 0u; start < call.keys; start += RUN) {
            let end = min(call.keys, start + RUN);
            var run_sum = {{ Row }}();
            var block = start;
            loop {
{% for i in range(others // S) %}
                var giver{{ i }}: Giver;
{% endfor %}
                var busy = false;
                while !busy && block < end {
                    busy = false;
{% for i in range(others // S) %}
                    giver{{ i }} = giver(outer, inner, head, block + {{ i * S }}u + lane);
                    everywhere += giver{{ i }}.everywhere;
                    busy |= gives(giver{{ i }}.factor);
{% endfor %}
                    busy = subgroupAny(busy);
                    block += {{ others }}u;
                }
{% for i in range(others // S) %}
                let query{{ i }} = block - {{ others - i * S }}u + lane;
                let other_row{{ i }} = call.query_base + input + min(query{{ i }}, last_query) * call.input_token;
{% if masked %}
                let now{{ i }} = query_moment(query{{ i }});
{% endif %}
{% endfor %}
{% set other = "query" %}
{% include "attention/scores.subgroup.wgsl" %}
                var block_sum = {{ Row }}();
{% for o in range(others) %}
                let factor{{ o }} = subgroupBroadcast(giver{{ o // S }}.factor, {{ o % S }}u);
                let given{{ o }} = exp(score{{ o }} - subgroupBroadcast(giver{{ o // S }}.highest, {{ o % S }}u)) * factor{{ o }};
                let seen{{ o }} = vec{{ own }}<bool>(gives(factor{{ o }})){% if masked %} & (since <= vec{{ own }}<u32>(subgroupBroadcast(now{{ o // S }}, {{ o % S }}u))){% endif %};
                block_sum += select({{ Row }}(), given{{ o }}, seen{{ o }});
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
        store(row_of(outer, inner, token{{ c }}), sum.{{ "xyzw"[c] }});
    }
{% endfor %}
}
