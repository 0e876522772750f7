// Attention, one subgroup of S lanes a workgroup.
//
//     out[i, h, :] = Σ_j softmax_j(q[i, h, :] · k[j, h, :] / √D) · v[j, h, :]     over the keys j that query i sees
//
// For software devices. The scores are never stored: the keys come in blocks of `span`, and what was summed so far
// fades by exp(m_old − m_new) whenever a block raises a row's peak = m; total = l is the sum of a row's exponentials. A
// lane owns `queries` / S rows and keeps all their sums, so the softmax needs no exchange between lanes; keys and
// values are loaded once a workgroup, spread over the lanes, and broadcast from constant lanes. On such a device a load
// costs far more than a product and unrolled text must fit the 32 KiB instruction cache: hence one loop over the
// features for the scores of `keys` keys and one over the keys of a block, four at a time, for the sums. The lane's own
// queries and scores, which loops index, lie in workgroup memory; each lane reads what it wrote itself, so there is no
// barrier. Scores and peaks are times log2(e): exp2 is one instruction.
//
// Literals: S; queries of a tile, 2·S or 4·S; keys, a multiple of S and of 4; span, a multiple of keys; width D; aligned:
// D is a multiple of 4; wide: of 8, and the device has 64-bit integers, so that two f32 are loaded as one; masked:
// `causal` and `validity` are obeyed; statistics: peaks and totals are written too; half_input: operands are halves, which
// are made floats as they are loaded; half_output: so is the output.

{% set own = queries // S %}
{% set x = "xyzw"[:own] %}
{% set Row = "vec" ~ own ~ "<f32>" %}
{% set chunk = 8 if wide else 4 %}
{% set chunks = (width + chunk - 1) // chunk %}
{% set value_sets = (chunks + S - 1) // S %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% set half_element = "vec4<f16>" if aligned else "f16" %}
{% set input_element = ("vec4<u32>" if half_input else "vec4<u64>") if wide else half_element if half_input else element %}
{% set heads = "call.heads" %}
{% set owned = "query" %}
{% set other = "key" %}
{% set operands = ["query", "key", "value"] %}
{% from "attention/chunk.subgroup.wgsl" import part %}
{% include "attention/forward_operands.wgsl" %}
{% include "attention/rows.subgroup.wgsl" %}
{% include "attention/main.subgroup.wgsl" %}

// [keys of a block / 2][S] scores of every lane's rows.
var<workgroup> scores: array<Packed, {{ span // 2 * S }}>;

const LOG2_E: f32 = 1.4426950408889634;
{% if masked %}
// All bits of the exponent are set in infinities and NaN. A driver may take comparisons of floats for granted, not of bits.
const EXPONENT: u32 = 0x7f800000u;
{% endif %}

fn compute(task: Task, lane: u32) {
    let input = input_of(task, task.head);
{% include "attention/tokens.subgroup.wgsl" %}
{% set factor = "(call.scale * LOG2_E)" %}
{% include "attention/own.subgroup.wgsl" %}

    var peak = {{ Row }}(LOWEST);
    var total = {{ Row }}();
{% for f in range(chunks * chunk) %}
    var sum{{ f }} = {{ Row }}();
{% endfor %}
{% if masked %}
    // A second pass where rows that see no key become means: they then score every key 0, and the others see none.
    var passes = 1u;
    for (var pass_index = 0u; pass_index < passes; pass_index++) {
{% endif %}
    for (var block = 0u; block < call.keys; block += {{ span }}u) {
        let block_keys = min(call.keys - block, {{ span }}u);
        var highest = peak;
        for (var part = 0u; part < block_keys; part += {{ keys }}u) {
{% set first_other = "block + part" %}
{% include "attention/scores.subgroup.wgsl" %}
{% for k in range(keys) %}
            score{{ k }} = select({{ Row }}(LOWEST), {{ "select(score" ~ k ~ ", " ~ Row ~ "(), pass_index == 1u)" if masked else "score" ~ k }}, seen{{ k }});
{% if k % 2 %}
            scores[(part / 2u + {{ k // 2 }}u) * {{ S }}u + lane] = pack(Pair(score{{ k - 1 }}, score{{ k }}));
{% endif %}
            highest = max(highest, score{{ k }});
{% endfor %}
        }
        let fade = exp2(peak - highest);
        peak = highest;
        total *= fade;
{% for f in range(chunks * chunk) %}
        sum{{ f }} *= fade;
{% endfor %}

        for (var step = 0u; step < block_keys; step += 4u) {
{% for k in range(4) %}
            let value{{ k }} = value_start(input, block + step + {{ k }}u);
{% for i in range(value_sets) %}
            var values{{ k }}_{{ i }} = value_at(value{{ k }}, min({{ i * S }}u + lane, {{ chunks - 1 }}u));
{% endfor %}
{% endfor %}
{% if masked %}
            // 0 · NaN is NaN: values that are not finite are taken out and mark their key instead, for the rows that see it.
{% for k in range(4) %}
            var marks{{ k }} = vec4<f32>();
{% for i in range(value_sets) %}{% for half in ["even", "odd"] if wide or half == "even" %}
            let {{ half }}{{ k }}_{{ i }} = values{{ k }}_{{ i }}.{{ half }};
            let {{ half }}_finite{{ k }}_{{ i }} = (bitcast<vec4<u32>>({{ half }}{{ k }}_{{ i }}) & vec4(EXPONENT)) != vec4(EXPONENT);
            marks{{ k }} += select({{ half }}{{ k }}_{{ i }}, vec4<f32>(), {{ half }}_finite{{ k }}_{{ i }});
            values{{ k }}_{{ i }}.{{ half }} = select(vec4<f32>(), {{ half }}{{ k }}_{{ i }}, {{ half }}_finite{{ k }}_{{ i }});
{% endfor %}{% endfor %}
{% endfor %}
            let marks = subgroupAdd(vec4<f32>({% for k in range(4) %}marks{{ k }}.x + marks{{ k }}.y + marks{{ k }}.z + marks{{ k }}.w{{ ", " if not loop.last }}{% endfor %}));
{% endif %}
            let scores01 = unpack(scores[step / 2u * {{ S }}u + lane]);
            let scores23 = unpack(scores[(step / 2u + 1u) * {{ S }}u + lane]);
{% for k in range(4) %}
            let s{{ k }} = scores{{ "01" if k < 2 else "23" }}.{{ "odd" if k % 2 else "even" }};
            let weight{{ k }} = select(exp2(s{{ k }} - peak), {{ Row }}(), s{{ k }} == {{ Row }}(LOWEST));
            let p{{ k }} = {{ "select(weight" ~ k ~ " + marks." ~ "xyzw"[k] ~ ", " ~ Row ~ "(), s" ~ k ~ " == " ~ Row ~ "(LOWEST))" if masked else "weight" ~ k }};
{% endfor %}
            total += weight0 + weight1 + weight2 + weight3;
{% for c in range(chunks) %}
{% for k in range(4) %}
            let v{{ c }}_{{ k }} = Chunk(subgroupBroadcast(values{{ k }}_{{ c // S }}.even, {{ c % S }}u){% if wide %}, subgroupBroadcast(values{{ k }}_{{ c // S }}.odd, {{ c % S }}u){% endif %});
{% endfor %}
{% for f in range(chunk) %}
            sum{{ c * chunk + f }} += {% for k in range(4) %}{{ part("v" ~ c ~ "_" ~ k, f, wide) }} * p{{ k }}{{ " + " if not loop.last }}{% endfor %};
{% endfor %}
{% endfor %}
        }
    }
{% if statistics %}
{% if masked %}
    if pass_index == 0u {
{% endif %}
{% for c in range(own) %}
    if first + {{ c }}u < call.queries {
        store_statistics(task, token{{ c }}, peak.{{ x[c] }} / LOG2_E, total.{{ x[c] }});
    }
{% endfor %}
{% if masked %}
    }
{% endif %}
{% endif %}
{% if masked %}
        let empty = total == {{ Row }}();
        passes = select(1u, 2u, call.empty_row == 1u && subgroupAny(any(empty)));
        moment = select(vec{{ own }}<u32>(BLIND), vec{{ own }}<u32>(INVALID), empty);
    }
{% endif %}

    let norm = select(1.0 / total, {{ Row }}(), total == {{ Row }}());
{% for f in range(0, chunks * chunk, 2) %}
    rows[{{ f // 2 * S }}u + lane] = pack(Pair(sum{{ f }} * norm, sum{{ f + 1 }} * norm));
{% endfor %}
{% for c in range(own) %}
    let to{{ c }} = output_start(task, token{{ c }});
{% endfor %}
    for (var feature = 0u; feature < {{ width }}u; feature += {{ 4 if aligned else 2 }}u) {
{% for f in range(0, 4 if aligned else 2, 2) %}
        let result{{ f }} = unpack(rows[(feature / 2u + {{ f // 2 }}u) * {{ S }}u + lane]);
{% endfor %}
{% for c in range(own) %}
        if first + {{ c }}u < call.queries {
            let at = to{{ c }} + feature;
{% if aligned %}
            output[at / 4u] = stored(vec4<f32>(result0.even.{{ x[c] }}, result0.odd.{{ x[c] }}, result2.even.{{ x[c] }}, result2.odd.{{ x[c] }}));
{% else %}
            let pair = stored(vec4<f32>(result0.even.{{ x[c] }}, result0.odd.{{ x[c] }}, 0.0, 0.0));
            output[at] = pair.x;
            if feature + 1u < {{ width }}u { output[at + 1u] = pair.y; }
{% endif %}
        }
{% endfor %}
    }
}
