// What the softmax of attention divides by, a tile of queries a workgroup.
//
//     out[h, 0, i] = m = max_j s[i, j],   out[h, 1, i] = Σ_j exp(s[i, j] − m),   s[i, j] = q[i, h, :] · k[j, h, :] / √D
//
// over the keys j that query i sees. For GPUs: the first half of `attention/forward.workgroup.wgsl`. A tile of 4 · LANES keys is
// staged in workgroup memory; LANES invocations share ROWS queries and take 4 adjacent keys each. Each keeps its own
// maximum and sum until the end.
//
// Literals: queries of a tile; lanes; rows, at most 4; width D; aligned: D is a multiple of 4.

{% from "common/quads.wgsl" import read_quad %}
{% set quads = (width + 3) // 4 %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% set letters = "xyzw" %}
{% include "attention/normaliser_operands.wgsl" %}
@group(0) @binding(1) var<storage, read> query: array<{{ element }}>;   // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ element }}>;     // [3H, R, D] or [R, 3C]

const QUERIES: u32 = {{ queries }}u;
const LANES: u32 = {{ lanes }}u;
const ROWS: u32 = {{ rows }}u;
const OTHERS: u32 = 4u * LANES;
const QUADS: u32 = {{ quads }}u;
const INVOCATIONS: u32 = QUERIES / ROWS * LANES;

// Keys as [quad][key], the key that lane l takes as its j-th at j · LANES + l: neighbours read neighbours.
var<workgroup> tile: array<vec4<f32>, OTHERS * QUADS>;
var<workgroup> moments: array<u32, OTHERS>;
// What the lanes of a row have to tell each other.
var<workgroup> lane_peaks: array<vec4<f32>, INVOCATIONS>;
var<workgroup> lane_totals: array<vec4<f32>, INVOCATIONS>;

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
    let tiles = (call.queries + QUERIES - 1u) / QUERIES;
    let head = group / tiles % call.heads;
    let sequence = group / tiles / call.heads;
    let outer = sequence / call.inner_sequences;
    let inner = sequence % call.inner_sequences;
    let input = outer * call.input_outer + inner * call.input_inner + head * call.input_head;
    let first_other = call.key_base + input;

    let lane = invocation % LANES;
    let first_lane = invocation - lane;
    let first_own = group % tiles * QUERIES + invocation / LANES * ROWS;
{% for r in range(rows) %}
    let token{{ r }} = call.first_query + min(first_own + {{ r }}u, call.queries - 1u);
    let now{{ r }} = query_moment(token{{ r }});
    let own_row{{ r }} = call.query_base + input + token{{ r }} * call.input_token;
{% endfor %}

    // A tile of queries that all have weight 0 is done at once.
    var end = call.keys;
    if call.weighted == 1u {
        end = 0u;
        for (var i = 0u; i < QUERIES; i += 1u) {
            let token = call.first_query + min(group % tiles * QUERIES + i, call.queries - 1u);
            end = select(end, call.keys, takes_part(row_of(outer, inner, token)));
        }
    }
    var peaks = vec4(LOWEST);
    var totals = vec4<f32>();
    for (var first = 0u; first < end; first += OTHERS) {
        for (var i = invocation; i < OTHERS; i += INVOCATIONS) {
            moments[i] = key_moment(outer, first + i);
        }
        let depth = QUADS;
{% set owned = "query" %}
{% set other = "key" %}
{% include "attention/scores.workgroup.wgsl" %}
        let own = vec4({% for j in range(4) %}moments[4u * lane + {{ j }}u]{{ ", " if not loop.last }}{% endfor %});
{% for r in range(rows) %}
        let seen{{ r }} = own <= vec4(now{{ r }});
        let visible{{ r }} = select(vec4(LOWEST), score{{ r }}, seen{{ r }});
        let highest{{ r }} = max(peaks.{{ letters[r] }}, max(max(visible{{ r }}.x, visible{{ r }}.y), max(visible{{ r }}.z, visible{{ r }}.w)));
        let step{{ r }} = dot(select(vec4<f32>(), exp(score{{ r }} - highest{{ r }}), seen{{ r }}), vec4(1.0));
        totals.{{ letters[r] }} = totals.{{ letters[r] }} * exp(peaks.{{ letters[r] }} - highest{{ r }}) + step{{ r }};
        peaks.{{ letters[r] }} = highest{{ r }};
{% endfor %}
        workgroupBarrier();
    }

    lane_peaks[invocation] = peaks;
    lane_totals[invocation] = totals;
    workgroupBarrier();
    var highest = peaks;
{% for l in range(lanes) %}
    highest = max(highest, lane_peaks[first_lane + {{ l }}u]);
{% endfor %}
    var total = vec4<f32>();
{% for l in range(lanes) %}
    total += lane_totals[first_lane + {{ l }}u] * exp(lane_peaks[first_lane + {{ l }}u] - highest);
{% endfor %}
    if lane == 0u {
{% for r in range(rows) %}
        if first_own + {{ r }}u < call.queries {
            store(row_of(outer, inner, token{{ r }}), head, highest.{{ letters[r] }}, total.{{ letters[r] }});
        }
{% endfor %}
    }
}
