// One step of attention rollout, a tile of keys a workgroup.
//
//     out[j] = keep · base[j] + pass · mean_h Σ_i weights[i] · P_h[i, j]     over the queries i of j's sequence
//
//     P_h[i, j] = exp(q[i, h, :] · k[j, h, :] / √D − m[h, i]) / Σ[h, i]      where i sees j, else 0
//
// For GPUs. No probability is stored: each is computed where it is needed, from what the softmax of its row divides by. A
// tile of 4 · LANES queries is staged in workgroup memory; LANES invocations share ROWS keys and take 4 adjacent queries
// each. A workgroup goes through all heads: their sum needs no word between workgroups.
//
// Literals: queries: the rows (keys) of a tile; lanes; rows, at most 4; width D; aligned: D is a multiple of 4.

{% from "common/quads.wgsl" import read_quad %}
{% set quads = (width + 3) // 4 %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% set letters = "xyzw" %}
{% include "attention/rollout_operands.wgsl" %}
@group(0) @binding(1) var<storage, read> query: array<{{ element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ element }}>;     // [3H, R, D] or [R, 3C]

const KEYS: u32 = {{ queries }}u;
const LANES: u32 = {{ lanes }}u;
const ROWS: u32 = {{ rows }}u;
const OTHERS: u32 = 4u * LANES;
const QUADS: u32 = {{ quads }}u;
const INVOCATIONS: u32 = KEYS / ROWS * LANES;

// Queries as [quad][query], the query that lane l takes as its j-th at j · LANES + l: neighbours read neighbours.
var<workgroup> tile: array<vec4<f32>, OTHERS * QUADS>;
// The highest score, the factor and the moment of each.
var<workgroup> highest: array<f32, OTHERS>;
var<workgroup> factors: array<f32, OTHERS>;
var<workgroup> moments: array<u32, OTHERS>;
// The last tile of which some query gives anything. What it holds before can only have a tile computed in vain.
var<workgroup> busy: atomic<u32>;
// What the lanes of a row have to tell each other.
var<workgroup> lane_sums: array<vec4<f32>, INVOCATIONS>;

{% include "common/workgroup_sum.wgsl" %}

{{ read_quad("query", width, aligned) }}
{{ read_quad("key", width, aligned) }}

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
    let tiles = (call.queries + KEYS - 1u) / KEYS;
    let sequence = group / tiles;
    let outer = sequence / call.inner_sequences;
    let inner = sequence % call.inner_sequences;
    let lane = invocation % LANES;
    let first_lane = invocation - lane;
    let first_own = group % tiles * KEYS + invocation / LANES * ROWS;
{% for r in range(rows) %}
    let token{{ r }} = call.first_query + min(first_own + {{ r }}u, call.queries - 1u);
    let since{{ r }} = key_moment(outer, token{{ r }});
{% endfor %}

    var sums = vec4<f32>();
    var everywhere = 0.0;
    var current = 0u;
    for (var head = 0u; head < call.heads; head += 1u) {
        let input = outer * call.input_outer + inner * call.input_inner + head * call.input_head;
        let first_other = call.query_base + input;
{% for r in range(rows) %}
        let own_row{{ r }} = call.key_base + input + token{{ r }} * call.input_token;
{% endfor %}
        var head_sums = vec4<f32>();
        for (var first = 0u; first < call.keys; first += OTHERS) {
            current += 1u;
            for (var i = invocation; i < OTHERS; i += INVOCATIONS) {
                let giver = giver(outer, inner, head, first + i);
                highest[i] = giver.highest;
                factors[i] = giver.factor;
                moments[i] = query_moment(first + i);
                everywhere += giver.everywhere;
                if gives(giver.factor) {
                    atomicStore(&busy, current);
                }
            }
            workgroupBarrier();
            let depth = select(0u, QUADS, atomicLoad(&busy) == current);
{% set owned = "key" %}
{% set other = "query" %}
{% include "attention/scores.workgroup.wgsl" %}
            let at = 4u * lane;
            let peaks = vec4(highest[at], highest[at + 1u], highest[at + 2u], highest[at + 3u]);
            let factor = vec4(factors[at], factors[at + 1u], factors[at + 2u], factors[at + 3u]);
            let now = vec4(moments[at], moments[at + 1u], moments[at + 2u], moments[at + 3u]);
{% for r in range(rows) %}
            let seen{{ r }} = (vec4(since{{ r }}) <= now) & !(factor == vec4<f32>());
            head_sums.{{ letters[r] }} += dot(select(vec4<f32>(), exp(score{{ r }} - peaks) * factor, seen{{ r }}), vec4(1.0));
{% endfor %}
            workgroupBarrier();
        }
        sums += head_sums;
    }

    lane_sums[invocation] = sums;
    let of_all = workgroup_sum(everywhere, invocation);
    if lane == 0u {
        var sum = vec4(of_all);
{% for l in range(lanes) %}
        sum += lane_sums[first_lane + {{ l }}u];
{% endfor %}
{% for r in range(rows) %}
        if first_own + {{ r }}u < call.queries {
            store(row_of(outer, inner, token{{ r }}), sum.{{ letters[r] }});
        }
{% endfor %}
    }
}
