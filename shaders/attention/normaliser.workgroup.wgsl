// The statistics of attention's softmax, a tile of queries a workgroup.
//
//     out[h, 0, i] = m = max_j s[i, j],   out[h, 1, i] = l = Σ_j exp(s[i, j] − m),   s[i, j] = q[i, h, :] · k[j, h, :] / √D
//
// over the keys j that query i sees. For GPUs: the first half of `attention/forward.workgroup.wgsl`. A tile of 4 · LANES keys is
// staged in workgroup memory; LANES invocations share ROWS queries and take 4 adjacent keys each. Each keeps its own peak (m)
// and total (l) until the end.
//
// Literals: queries of a tile; lanes; rows, at most 4; width D; aligned: D is a multiple of 4.

{% set quads = (width + 3) // 4 %}
{% set input_element = "vec4<f32>" if aligned else "f32" %}
{% set heads = "call.heads" %}
{% set owned = "query" %}
{% set other = "key" %}
{% set letters = "xyzw" %}
{% include "attention/normaliser_operands.wgsl" %}
{% include "attention/main.workgroup.wgsl" %}

// What the lanes of a row exchange.
var<workgroup> lane_peaks: array<vec4<f32>, INVOCATIONS>;
var<workgroup> lane_totals: array<vec4<f32>, INVOCATIONS>;

fn compute(task: Task, invocation: u32) {
    let input = input_of(task, task.head);
    let depth = QUADS;
{% include "attention/own.workgroup.wgsl" %}
    // A tile of queries that all have weight 0 is done at once.
    var end = call.keys;
    if call.weighted == 1u {
        end = 0u;
        for (var i = 0u; i < OWN; i += 1u) {
            end = select(end, call.keys, takes_part(row_of(task, token_of(task.run * OWN + i))));
        }
    }
    var peaks = vec4(LOWEST);
    var totals = vec4<f32>();
    for (var first = 0u; first < end; first += OTHERS) {
{% include "attention/scores.workgroup.wgsl" %}
{% for r in range(rows) %}
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
            store(task, token{{ r }}, highest.{{ letters[r] }}, total.{{ letters[r] }});
        }
{% endfor %}
    }
}
