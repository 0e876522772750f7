// Attention, a tile of queries a workgroup.
//
//     out[i, h, :] = Σ_j softmax_j(q[i, h, :] · k[j, h, :] / √D) · v[j, h, :]     over the keys j that query i sees
//
// For GPUs. A tile of 4 · LANES keys, then of their values, is staged in workgroup memory; the scores never leave the
// workgroup. LANES invocations share ROWS queries: for the scores each takes 4 adjacent keys, for the output every
// LANES-th quad of features, so that what is read once serves 4 or ROWS products. The softmax is taken online: the
// weights refer to the highest score so far, and what was gathered fades when a higher one comes.
//
// Literals: queries of a tile; lanes; rows, at most 4; width D; aligned: D is a multiple of 4.

{% from "common/quads.wgsl" import read_quad %}
{% set quads = (width + 3) // 4 %}
{% set own_quads = (quads + lanes - 1) // lanes %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% set letters = "xyzw" %}
{% macro gather(guarded) %}
            for (var step = 0u; step < LANES; step += 1u) {
                let first_of_step = 4u * step * QUADS;
{% for r in range(rows) %}
                let w{{ r }} = weights[(first_row + {{ r }}u) * LANES + step];
{% endfor %}
{% for j in range(4) %}
{% for f in range(own_quads) %}
                let v{{ j }}_{{ f }} = tile[first_of_step + {{ j }}u * QUADS + quad{{ f }}];
{% endfor %}
{% for r in range(rows) %}
{% if guarded %}
                if w{{ r }}.{{ letters[j] }} != UNSEEN {
{% endif %}
{% for f in range(own_quads) %}
                sum{{ r }}_{{ f }} = fma(vec4(w{{ r }}.{{ letters[j] }}), v{{ j }}_{{ f }}, sum{{ r }}_{{ f }});
{% endfor %}
{% if guarded %}
                }
{% endif %}
{% endfor %}
{% endfor %}
            }
{% endmacro %}
{% include "attention/sequence.wgsl" %}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> query: array<{{ element }}>;          // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ element }}>;            // [3H, R, D] or [R, 3C]
@group(0) @binding(3) var<storage, read> value: array<{{ element }}>;          // [3H, R, D] or [R, 3C]
@group(0) @binding(4) var<storage, read> validity: array<u32>;                 // [B, T]
@group(0) @binding(5) var<storage, read_write> output: array<{{ element }}>;   // [R, C]

const QUERIES: u32 = {{ queries }}u;
const LANES: u32 = {{ lanes }}u;
const ROWS: u32 = {{ rows }}u;
const KEYS: u32 = 4u * LANES;
const QUADS: u32 = {{ quads }}u;
const INVOCATIONS: u32 = QUERIES / ROWS * LANES;
// The weight of a key that the row does not see.
const UNSEEN: f32 = -1.0;

// The keys as [quad][key], the key that lane l takes as its j-th at j · LANES + l: neighbours read neighbours.
// The values as [key][quad].
var<workgroup> tile: array<vec4<f32>, KEYS * QUADS>;
var<workgroup> moments: array<u32, KEYS>;
// Softmax weights [query][lane], of four keys each.
var<workgroup> weights: array<vec4<f32>, QUERIES * LANES>;
// What the lanes of a row have to tell each other.
var<workgroup> shared_rows: array<vec4<f32>, INVOCATIONS>;

{{ read_quad("query", width, aligned) }}
{{ read_quad("key", width, aligned) }}
{{ read_quad("value", width, aligned) }}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let group = workgroup.x + workgroup.y * workgroups.x;
    if group >= call.groups {
        return;
    }
    let tiles = (call.queries + QUERIES - 1u) / QUERIES;
    let head = group / tiles % call.heads;
    let sequence = group / tiles / call.heads;
    let outer = sequence / call.inner_sequences;
    let inner = sequence % call.inner_sequences;
    let input = outer * call.input_outer + inner * call.input_inner + head * call.input_head;
    let first_key = call.key_base + input;
    let first_value = call.value_base + input;
    let last_key = call.keys - 1u;

    let lane = invocation % LANES;
    let first_lane = invocation - lane;
    let first_row = invocation / LANES * ROWS;
{% for r in range(rows) %}
    let row{{ r }} = group % tiles * QUERIES + first_row + {{ r }}u;
    let token{{ r }} = call.first_query + min(row{{ r }}, call.queries - 1u);
    let now{{ r }} = query_moment(token{{ r }});
    let query{{ r }} = call.query_base + input + token{{ r }} * call.input_token;
{% for f in range(own_quads) %}
    var sum{{ r }}_{{ f }} = vec4<f32>();
{% endfor %}
{% endfor %}
{% for f in range(own_quads) %}
    let quad{{ f }} = min({{ f }}u * LANES + lane, QUADS - 1u);
{% endfor %}
    var peaks = vec4(LOWEST);       // highest score of each row, the same in its lanes
    var totals = vec4<f32>();       // weights of each row, over this lane's keys

    for (var first = 0u; first < call.keys; first += KEYS) {
        for (var i = invocation; i < KEYS; i += INVOCATIONS) {
            moments[i] = key_moment(outer, first + i);
        }
        for (var i = invocation; i < KEYS * QUADS; i += INVOCATIONS) {
            let owner = i % LANES;
            let quad = i / LANES % QUADS;
            let j = i / (LANES * QUADS);
            let at = first_key + min(first + 4u * owner + j, last_key) * call.input_token;
            tile[quad * KEYS + j * LANES + owner] = key_quad(at, quad);
        }
        workgroupBarrier();

{% for r in range(rows) %}
        var score{{ r }} = vec4<f32>();
{% endfor %}
        for (var quad = 0u; quad < QUADS; quad += 1u) {
            let at = quad * KEYS + lane;
{% for j in range(4) %}
            let k{{ j }} = tile[at + {{ j }}u * LANES];
{% endfor %}
{% for r in range(rows) %}
            let q{{ r }} = query_quad(query{{ r }}, quad);
            score{{ r }} += vec4(dot(q{{ r }}, k0), dot(q{{ r }}, k1), dot(q{{ r }}, k2), dot(q{{ r }}, k3));
{% endfor %}
        }
        let own = vec4({% for j in range(4) %}moments[4u * lane + {{ j }}u]{{ ", " if not loop.last }}{% endfor %});
        var highest = peaks;
{% for r in range(rows) %}
        let visible{{ r }} = own <= vec4(now{{ r }});
        let scaled{{ r }} = score{{ r }} * call.scale;
        let visible_score{{ r }} = select(vec4(LOWEST), scaled{{ r }}, visible{{ r }});
        highest.{{ letters[r] }} = max(max(visible_score{{ r }}.x, visible_score{{ r }}.y), max(visible_score{{ r }}.z, visible_score{{ r }}.w));
{% endfor %}
        shared_rows[invocation] = highest;
        workgroupBarrier();

        for (var i = invocation; i < KEYS * QUADS; i += INVOCATIONS) {
            let j = i / QUADS;
            let at = first_value + min(first + j, last_key) * call.input_token;
            // A value that nobody sees may be NaN: it must not even be multiplied by zero.
            tile[i] = select(value_quad(at, i % QUADS), vec4<f32>(), moments[j] == NEVER);
        }
        highest = peaks;
{% for l in range(lanes) %}
        highest = max(highest, shared_rows[first_lane + {{ l }}u]);
{% endfor %}
        let fade = exp(peaks - highest);
        peaks = highest;
        totals *= fade;
{% for r in range(rows) %}
        let weight{{ r }} = select(vec4<f32>(), exp(scaled{{ r }} - peaks.{{ letters[r] }}), visible{{ r }});
        totals.{{ letters[r] }} += dot(weight{{ r }}, vec4(1.0));
        weights[(first_row + {{ r }}u) * LANES + lane] = select(vec4(UNSEEN), weight{{ r }}, visible{{ r }});
{% for f in range(own_quads) %}
        sum{{ r }}_{{ f }} *= fade.{{ letters[r] }};
{% endfor %}
{% endfor %}
        workgroupBarrier();

        if call.causal == 0u {
{{ gather(false) }}
        } else {
            // A value that one row must not see may be NaN and seen by another.
{{ gather(true) }}
        }
        workgroupBarrier();
    }
    shared_rows[invocation] = totals;
    workgroupBarrier();
    var total = vec4<f32>();
{% for l in range(lanes) %}
    total += shared_rows[first_lane + {{ l }}u];
{% endfor %}
    let to = call.output_base + outer * call.output_outer + inner * call.output_inner
        + head * call.output_head;
{% for r in range(rows) %}
    if total.{{ letters[r] }} == 0.0 && call.empty_row == 1u {
        for (var j = 0u; j < call.keys; j += 1u) {
            let at = first_value + j * call.input_token;
{% for f in range(own_quads) %}
            sum{{ r }}_{{ f }} += value_quad(at, quad{{ f }});
{% endfor %}
        }
        total.{{ letters[r] }} = f32(call.keys);
    }
    if row{{ r }} < call.queries {
        let share = select(1.0 / total.{{ letters[r] }}, 0.0, total.{{ letters[r] }} == 0.0);
        let at = to + token{{ r }} * call.output_token;
{% for f in range(own_quads) %}
        if {{ f }}u * LANES + lane < QUADS {
{% if aligned %}
            output[at / 4u + quad{{ f }}] = sum{{ r }}_{{ f }} * share;
{% else %}
            let feature = at + 4u * quad{{ f }};
{% for c in range(4) %}
            if 4u * quad{{ f }} + {{ c }}u < {{ width }}u {
                output[feature + {{ c }}u] = sum{{ r }}_{{ f }}[{{ c }}] * share;
            }
{% endfor %}
{% endif %}
        }
{% endfor %}
    }
{% endfor %}
}
