// Attention, a tile of queries a workgroup.
//
//     out[i, h, :] = Σ_j softmax_j(q[i, h, :] · k[j, h, :] / √D) · v[j, h, :]     over the keys j that query i sees
//
// For GPUs. A tile of 4 · LANES keys, then of their values, is staged in workgroup memory; the scores never leave the
// workgroup. LANES invocations share ROWS queries: for the scores each takes 4 adjacent keys, for the output every
// LANES-th quad of features, so that what is read once serves 4 or ROWS products. The softmax is taken online: the
// weights refer to the highest score so far (peak = m, their sum total = l), and what was gathered fades by
// exp(m_old − m_new) when a higher one comes.
//
// Halves are staged as they are and made floats for the products, which f32 holds exactly; weights and sums are f32.
//
// Literals: queries of a tile; lanes; rows, at most 4; width D; aligned: D is a multiple of 4;
// statistics: peaks and totals are written too; half_input: operands are halves; half_output: so is the output.

{% from "common/quads.wgsl" import read_quad %}
{% set quads = (width + 3) // 4 %}
{% set own_quads = (quads + lanes - 1) // lanes %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% set half_element = "vec4<f16>" if aligned else "f16" %}
{% set input_element = half_element if half_input else element %}
{% set heads = "call.heads" %}
{% set owned = "query" %}
{% set other = "key" %}
{% set letters = "xyzw" %}
{% macro gather(guarded) %}
            for (var step = 0u; step < LANES; step += 1u) {
                let first_of_step = 4u * step * QUADS;
{% for r in range(rows) %}
                let w{{ r }} = weights[(first_row + {{ r }}u) * LANES + step];
{% endfor %}
{% for j in range(4) %}
{% for f in range(own_quads) %}
                let v{{ j }}_{{ f }} = vec4<f32>(tile[first_of_step + {{ j }}u * QUADS + quad{{ f }}]);
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
{% include "attention/forward_operands.wgsl" %}
// Its tile holds the keys, then the values as [key][quad].
{% include "attention/main.workgroup.wgsl" %}
{{ read_quad("value", width, aligned, "Quad", half_input) }}

// The weight of a key that the row does not see.
const UNSEEN: f32 = -1.0;

// Softmax weights [query][lane], of four keys each.
var<workgroup> weights: array<vec4<f32>, OWN * LANES>;
// What the lanes of a row exchange.
var<workgroup> lane_rows: array<vec4<f32>, INVOCATIONS>;

fn compute(task: Task, invocation: u32) {
    let input = input_of(task, task.head);
    let depth = QUADS;
{% include "attention/own.workgroup.wgsl" %}
{% for f in range(own_quads) %}
    let quad{{ f }} = min({{ f }}u * LANES + lane, QUADS - 1u);
{% for r in range(rows) %}
    var sum{{ r }}_{{ f }} = vec4<f32>();
{% endfor %}
{% endfor %}
    var peaks = vec4(LOWEST);       // of each row, the same in its lanes
    var totals = vec4<f32>();       // of each row, over this lane's keys

    for (var first = 0u; first < call.keys; first += OTHERS) {
{% include "attention/scores.workgroup.wgsl" %}
        var highest = peaks;
{% for r in range(rows) %}
        let visible{{ r }} = select(vec4(LOWEST), score{{ r }}, seen{{ r }});
        highest.{{ letters[r] }} = max(max(visible{{ r }}.x, visible{{ r }}.y), max(visible{{ r }}.z, visible{{ r }}.w));
{% endfor %}
        lane_rows[invocation] = highest;
        workgroupBarrier();

        for (var i = invocation; i < OTHERS * QUADS; i += INVOCATIONS) {
            let j = i / QUADS;
            // A value that no row sees may be NaN: it must not even be multiplied by zero.
            tile[i] = select(value_quad(value_start(input, first + j), i % QUADS), Quad(), moments[j] >= INVALID);
        }
        highest = peaks;
{% for l in range(lanes) %}
        highest = max(highest, lane_rows[first_lane + {{ l }}u]);
{% endfor %}
        let fade = exp(peaks - highest);
        peaks = highest;
        totals *= fade;
{% for r in range(rows) %}
        let weight{{ r }} = select(vec4<f32>(), exp(score{{ r }} - peaks.{{ letters[r] }}), seen{{ r }});
        totals.{{ letters[r] }} += dot(weight{{ r }}, vec4(1.0));
        weights[(first_row + {{ r }}u) * LANES + lane] = select(vec4(UNSEEN), weight{{ r }}, seen{{ r }});
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
    lane_rows[invocation] = totals;
    workgroupBarrier();
    var total = vec4<f32>();
{% for l in range(lanes) %}
    total += lane_rows[first_lane + {{ l }}u];
{% endfor %}
{% if statistics %}
    if lane == 0u {
{% for r in range(rows) %}
        if first_own + {{ r }}u < call.queries {
            store_statistics(task, token{{ r }}, peaks.{{ letters[r] }}, total.{{ letters[r] }});
        }
{% endfor %}
    }
{% endif %}
{% for r in range(rows) %}
    if total.{{ letters[r] }} == 0.0 && call.empty_row == 1u {
        for (var j = 0u; j < call.keys; j += 1u) {
            let at = value_start(input, j);
{% for f in range(own_quads) %}
            sum{{ r }}_{{ f }} += vec4<f32>(value_quad(at, quad{{ f }}));
{% endfor %}
        }
        total.{{ letters[r] }} = f32(call.keys);
    }
    if first_own + {{ r }}u < call.queries {
        let share = select(1.0 / total.{{ letters[r] }}, 0.0, total.{{ letters[r] }} == 0.0);
        let at = output_start(task, token{{ r }});
{% for f in range(own_quads) %}
        if {{ f }}u * LANES + lane < QUADS {
{% if aligned %}
            output[at / 4u + quad{{ f }}] = stored(sum{{ r }}_{{ f }} * share);
{% else %}
            let feature = at + 4u * quad{{ f }};
            let result = stored(sum{{ r }}_{{ f }} * share);
{% for c in range(4) %}
            if 4u * quad{{ f }} + {{ c }}u < {{ width }}u {
                output[feature + {{ c }}u] = result[{{ c }}];
            }
{% endfor %}
{% endif %}
        }
{% endfor %}
    }
{% endfor %}
}
