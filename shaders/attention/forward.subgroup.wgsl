// Attention, one subgroup of S lanes a workgroup.
//
//     out[i, h, :] = Σ_j softmax_j(q[i, h, :] · k[j, h, :] / √D) · v[j, h, :]     over the keys j that query i sees
//
// For software devices. The scores are never stored: the keys come in blocks of `span`, and what was summed so far is
// scaled down whenever a block raises a row's peak. A lane owns `queries` / S rows and keeps all their sums, so the
// softmax needs no word between lanes; keys and values are loaded once a workgroup, spread over the lanes, and broadcast
// from constant lanes. On such a device a load costs far more than a product and unrolled text must fit the 32 KiB
// instruction cache: hence one loop over the features for the scores of `keys` keys and one over the keys of a block, four
// at a time, for the sums. What a loop has to index, the lane's own queries and scores, lies in workgroup memory; each
// lane reads what it wrote itself, so there is no barrier.
//
// Literals: S; queries of a tile, 2·S or 4·S; keys, a multiple of S and of 4; span, a multiple of keys; width D; aligned:
// D is a multiple of 4; wide: of 8, and the device has 64-bit integers, so that two f32 are loaded as one; masked:
// `causal` and `validity` are obeyed.

{% set own = queries // S %}
{% set x = "xyzw"[:own] %}
{% set Row = "vec" ~ own ~ "<f32>" %}
{% set chunk = 8 if wide else 4 %}
{% set chunks = (width + chunk - 1) // chunk %}
{% set key_sets = keys // S %}
{% set value_sets = (chunks + S - 1) // S %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% from "attention/chunk.subgroup.wgsl" import part %}

{% include "attention/sequence.wgsl" %}

{% set input_element = "vec4<u64>" if wide else element %}
@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> query: array<{{ input_element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ input_element }}>;     // [3H, R, D] or [R, 3C]
@group(0) @binding(3) var<storage, read> value: array<{{ input_element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(4) var<storage, read> validity: array<u32>;                // [B, T]
@group(0) @binding(5) var<storage, read_write> output: array<{{ element }}>;        // [R, C]

{% set operands = ["query", "key", "value"] %}
{% include "attention/rows.subgroup.wgsl" %}
// [keys of a block / 2][S] scores of every lane's rows.
var<workgroup> scores: array<Packed, {{ span // 2 * S }}>;

const LOG2_E: f32 = 1.4426950408889634;
{% if masked %}
// All bits of the exponent are set in infinities and NaN. A driver may take comparisons of floats for granted, not of bits.
const EXPONENT: u32 = 0x7f800000u;
{% endif %}

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
    let head = group / tiles % call.heads;
    let sequence = group / tiles / call.heads;
    let outer = sequence / call.inner_sequences;
    let inner = sequence % call.inner_sequences;
    let input = outer * call.input_outer + inner * call.input_inner + head * call.input_head;
    let last_key = call.keys - 1u;

    // Queries beyond the last repeat it and are not stored.
{% for c in range(own) %}
    let token{{ c }} = call.first_query + min(first + {{ c }}u, call.queries - 1u);
{% endfor %}
{% set owned = "query" %}
{% set factor = "(call.scale * LOG2_E)" %}
{% include "attention/own.subgroup.wgsl" %}

    var peak = {{ Row }}(LOWEST);
    var total = {{ Row }}();
{% for f in range(chunks * chunk) %}
    var sum{{ f }} = {{ Row }}();
{% endfor %}
{% if masked %}
    var moment = vec{{ own }}<u32>({% for c in range(own) %}query_moment(token{{ c }}){{ ", " if not loop.last }}{% endfor %});
    // A second pass, where rows that see no key are to be means: all keys then score 0 for them, and the others see none.
    var passes = 1u;
    for (var pass_index = 0u; pass_index < passes; pass_index++) {
{% endif %}
    for (var block = 0u; block < call.keys; block += {{ span }}u) {
        let block_keys = min(call.keys - block, {{ span }}u);
        var highest = peak;
        for (var part = 0u; part < block_keys; part += {{ keys }}u) {
{% for i in range(key_sets) %}
            let key_token{{ i }} = block + part + {{ i * S }}u + lane;
            let other_row{{ i }} = call.key_base + input + min(key_token{{ i }}, last_key) * call.input_token;
{% if masked %}
            let since{{ i }} = select(key_moment(outer, key_token{{ i }}), select(NEVER, 1u, key_token{{ i }} < call.keys), pass_index == 1u);
{% endif %}
{% endfor %}
{% set other = "key" %}
{% set others = keys %}
{% include "attention/scores.subgroup.wgsl" %}
{% for k in range(keys) %}
{% if masked %}
            score{{ k }} = select({{ Row }}(LOWEST), select(score{{ k }}, {{ Row }}(), pass_index == 1u), vec{{ own }}<u32>(subgroupBroadcast(since{{ k // S }}, {{ k % S }}u)) <= moment);
{% else %}
            score{{ k }} = select({{ Row }}(LOWEST), score{{ k }}, part + {{ k }}u < block_keys);
{% endif %}
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
            let value_row{{ k }} = call.value_base + input + min(block + step + {{ k }}u, last_key) * call.input_token;
{% for i in range(value_sets) %}
            var values{{ k }}_{{ i }} = value_at(value_row{{ k }}, min({{ i * S }}u + lane, {{ chunks - 1 }}u));
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
            let p{{ k }} = select(exp2(s{{ k }} - peak){{ " + marks." ~ "xyzw"[k] if masked }}, {{ Row }}(), s{{ k }} == {{ Row }}(LOWEST));
{% endfor %}
            total += p0 + p1 + p2 + p3;
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
{% if masked %}
        let empty = total == {{ Row }}();
        passes = select(1u, 2u, call.empty_row == 1u && subgroupAny(any(empty)));
        moment = select(vec{{ own }}<u32>(), vec{{ own }}<u32>(CLASS_QUERY), empty);
    }
{% endif %}

    let norm = select(1.0 / total, {{ Row }}(), total == {{ Row }}());
{% for f in range(0, chunks * chunk, 2) %}
    rows[{{ f // 2 * S }}u + lane] = pack(Pair(sum{{ f }} * norm, sum{{ f + 1 }} * norm));
{% endfor %}
    let to = call.output_base + outer * call.output_outer + inner * call.output_inner + head * call.output_head;
    for (var feature = 0u; feature < {{ width }}u; feature += {{ 4 if aligned else 2 }}u) {
{% for f in range(0, 4 if aligned else 2, 2) %}
        let result{{ f }} = unpack(rows[(feature / 2u + {{ f // 2 }}u) * {{ S }}u + lane]);
{% endfor %}
{% for c in range(own) %}
        if first + {{ c }}u < call.queries {
            let at = to + token{{ c }} * call.output_token + feature;
{% if aligned %}
            output[at / 4u] = vec4<f32>(result0.even.{{ x[c] }}, result0.odd.{{ x[c] }}, result2.even.{{ x[c] }}, result2.odd.{{ x[c] }});
{% else %}
            output[at] = result0.even.{{ x[c] }};
            if feature + 1u < {{ width }}u { output[at + 1u] = result0.odd.{{ x[c] }}; }
{% endif %}
        }
{% endfor %}
    }
}
