// What the softmax of attention divides by, one subgroup of S lanes a workgroup.
//
//     out[h, 0, i] = m = max_j s[i, j],   out[h, 1, i] = Σ_j exp(s[i, j] − m),   s[i, j] = q[i, h, :] · k[j, h, :] / √D
//
// over the keys j that query i sees. For software devices: the first half of `attention/forward.subgroup.wgsl`, whose scores are
// done with when a lane's rows have added up their exponentials. A lane owns `queries` / S rows; the keys are loaded once a
// workgroup, spread over the lanes, and broadcast from constant lanes.
//
// Literals: S; queries of a tile, 2·S or 4·S; keys, a multiple of S; width D; aligned: D is a multiple of 4; wide: of 8,
// and the device has 64-bit integers, so that two f32 are loaded as one; masked: `causal` and `validity` are obeyed.

{% set own = queries // S %}
{% set Row = "vec" ~ own ~ "<f32>" %}
{% set chunk = 8 if wide else 4 %}
{% set chunks = (width + chunk - 1) // chunk %}
{% set input_element = "vec4<u64>" if wide else ("vec4<f32>" if aligned else "f32") %}
{% include "attention/normaliser_operands.wgsl" %}
@group(0) @binding(1) var<storage, read> query: array<{{ input_element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ input_element }}>;     // [3H, R, D] or [R, 3C]

{% set operands = ["query", "key"] %}
{% include "attention/rows.subgroup.wgsl" %}

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
    let row{{ c }} = row_of(outer, inner, token{{ c }});
{% endfor %}
{% set owned = "query" %}
{% set factor = "call.scale" %}
{% include "attention/own.subgroup.wgsl" %}
{% if masked %}
    let now = vec{{ own }}<u32>({% for c in range(own) %}query_moment(token{{ c }}){{ ", " if not loop.last }}{% endfor %});
{% endif %}

    var peak = {{ Row }}(LOWEST);
    var total = {{ Row }}();
    let busy = subgroupAny({% for c in range(own) %}takes_part(row{{ c }}){{ " || " if not loop.last }}{% endfor %});
    let end = select(0u, call.keys, busy);
    for (var block = 0u; block < end; block += {{ keys }}u) {
{% for i in range(keys // S) %}
        let token_of_lane{{ i }} = block + {{ i * S }}u + lane;
        let other_row{{ i }} = call.key_base + input + min(token_of_lane{{ i }}, last_key) * call.input_token;
{% if masked %}
        let since{{ i }} = key_moment(outer, token_of_lane{{ i }});
{% endif %}
{% endfor %}
{% set other = "key" %}
{% set others = keys %}
{% include "attention/scores.subgroup.wgsl" %}
        var highest = peak;
{% for k in range(keys) %}
{% if masked %}
        let seen{{ k }} = vec{{ own }}<u32>(subgroupBroadcast(since{{ k // S }}, {{ k % S }}u)) <= now;
{% else %}
        let seen{{ k }} = block + {{ k }}u < call.keys;
{% endif %}
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
        store(row{{ c }}, head, peak.{{ "xyzw"[c] }}, total.{{ "xyzw"[c] }});
    }
{% endfor %}
}
