// One step of attention rollout, a tile of keys a workgroup.
//
//     out[j] = keep · base[j] + pass · mean_h Σ_i weights[i] · P_h[i, j]     over the queries i of j's sequence
//
//     P_h[i, j] = exp(q[i, h, :] · k[j, h, :] / √D − m[h, i]) / l[h, i]      where i sees j, else 0
//
// For GPUs. No probability is stored: each is computed where it is needed, from the statistics m and l of its row. A
// tile of 4 · LANES queries is staged in workgroup memory; LANES invocations share ROWS keys and take 4 adjacent
// queries each. A workgroup goes through all heads: their sum needs no exchange between workgroups.
//
// Literals: queries: the rows (keys) of a tile; lanes; rows, at most 4; width D; aligned: D is a multiple of 4.

{% set quads = (width + 3) // 4 %}
{% set input_element = "vec4<f32>" if aligned else "f32" %}
{% set heads = "1u" %}
{% set owned = "key" %}
{% set other = "query" %}
{% set letters = "xyzw" %}
{% include "attention/rollout_operands.wgsl" %}
{% include "attention/main.workgroup.wgsl" %}
{% include "common/workgroup_sum.wgsl" %}

// The highest score and the factor of each query of a tile.
var<workgroup> tile_peaks: array<f32, OTHERS>;
var<workgroup> factors: array<f32, OTHERS>;
// The last tile with a query that gives anything. A value left from before can only have a tile computed in vain.
var<workgroup> busy: atomic<u32>;
// What the lanes of a row exchange.
var<workgroup> lane_sums: array<vec4<f32>, INVOCATIONS>;

fn compute(task: Task, invocation: u32) {
{% include "attention/own.workgroup.wgsl" %}
    var sums = vec4<f32>();
    var everywhere = 0.0;
    var current = 0u;
    for (var head = 0u; head < call.heads; head += 1u) {
        let input = input_of(task, head);
        var head_sums = vec4<f32>();
        for (var first = 0u; first < call.keys; first += OTHERS) {
            current += 1u;
            for (var i = invocation; i < OTHERS; i += INVOCATIONS) {
                let giver = giver(task, head, first + i);
                tile_peaks[i] = giver.peak;
                factors[i] = giver.factor;
                everywhere += giver.everywhere;
                if gives(giver.factor) {
                    atomicStore(&busy, current);
                }
            }
            workgroupBarrier();
            let depth = select(0u, QUADS, atomicLoad(&busy) == current);
{% include "attention/scores.workgroup.wgsl" %}
            let at = 4u * lane;
            let peaks = vec4(tile_peaks[at], tile_peaks[at + 1u], tile_peaks[at + 2u], tile_peaks[at + 3u]);
            let factor = vec4(factors[at], factors[at + 1u], factors[at + 2u], factors[at + 3u]);
            let gives = !(factor == vec4<f32>());
{% for r in range(rows) %}
            let given{{ r }} = select(vec4<f32>(), exp(score{{ r }} - peaks) * factor, seen{{ r }} & gives);
            head_sums.{{ letters[r] }} += dot(given{{ r }}, vec4(1.0));
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
            store(task, token{{ r }}, sum.{{ letters[r] }});
        }
{% endfor %}
    }
}
