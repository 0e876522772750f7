// Attention of halves by matrix units, a tile of queries a workgroup.
//
//     out[i, h, :] = Σ_j softmax_j(q[i, h, :] · k[j, h, :] / √D) · v[j, h, :]     over the keys j that query i sees
//
// For GPUs with matrix units, which multiply matrices of EDGE × EDGE halves and add up in f32. A subgroup keeps STRIPS
// strips of EDGE queries, and what it sums for them, as matrices. KEYS keys and their values at a time are staged in
// workgroup memory, zero beyond the width. No element of a matrix can be reached: scores go through workgroup memory to the
// invocations, LANES of which share a row, and come back as softmax weights.
//
// The softmax is taken online, and scores are times log2(e). Sums fade by 2^(m_old − m_new) only on a way through workgroup
// memory, too: so weights refer to an older peak = m until a score exceeds it by SLACK, which is rare once some keys are
// seen. A weight is two halves, high + low: one alone keeps 11 of its 24 bits, both together 22, which is
// as exact as its exponential.
//
// Literals: edge; queries of a tile and keys of a step, multiples of it; invocations; strips of a subgroup; lanes of a row
// and rows of an invocation, one of which is 1; width D; aligned: D is a multiple of 4; causal; statistics: peaks and totals
// are written too; half_output: so is the output.

enable f16;
enable wgpu_cooperative_matrix;

{% set element = "vec4<f32>" if aligned else "f32" %}
{% set half_element = "vec4<f16>" if aligned else "f16" %}
{% set input_element = half_element %}
{% set type = "coop_mat" ~ edge ~ "x" ~ edge %}
{% set matrices = (width + edge - 1) // edge %}
{% set blocks = keys // edge %}
{% include "attention/forward_operands.wgsl" %}
{% include "attention/tile.matrix.wgsl" %}
{% macro padded(operand, start, quad) %}
select(Quad(), {{ operand }}_quad({{ start }}, min({{ quad }}, HEAD_QUADS - 1u)), {{ quad }} < HEAD_QUADS)
{%- endmacro %}
{# The sums of as many matrices, from `first` on, as there is room for in the place of scores. #}
{% macro put_sums(first, count) %}
{% for i in range(strips) %}{% for d in range(count) %}
    coopStoreT(sum{{ i }}_{{ first + d }}, &scores[(own + {{ i * edge }}u) * SCORE_STRIDE + {{ d * edge }}u], SCORE_STRIDE);
{% endfor %}{% endfor %}
    workgroupBarrier();
{% endmacro %}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    let number = workgroup.x + workgroup.y * workgroups.x;
    let runs = (call.queries + QUERIES - 1u) / QUERIES;
    // The one branch around matrices that workgroups take apart: invocations multiply them together.
    if number >= runs * call.heads * call.sequences {
        return;
    }
    let task = task_of(number, runs, call.heads);
    let input = input_of(task, task.head);
    let first_query = task.run * QUERIES;

    for (var i = invocation; i < QUERIES * QUADS; i += INVOCATIONS) {
        let start = query_start(input, token_of(first_query + i / QUADS));
        stage(i / QUADS, i % QUADS, {{ padded("query", "start", "i % QUADS") }});
    }
    workgroupBarrier();
    let own = subgroup * STRIPS * EDGE;
{% for i in range(strips) %}{% for d in range(matrices) %}
    let query{{ i }}_{{ d }} = coopLoadT<{{ type }}<f16, A>>(&tile[(own + {{ i * edge }}u) * STRIDE + {{ d * edge }}u], STRIDE);
    var sum{{ i }}_{{ d }}: {{ type }}<f32, C>;
{% endfor %}{% endfor %}
    workgroupBarrier();

    let lane = invocation % LANES;
    let first_row = invocation / LANES * ROWS;
{% for r in range(rows) %}
    let token{{ r }} = token_of(first_query + first_row + {{ r }}u);
    let moment{{ r }} = query_moment(token{{ r }});
    var highest{{ r }} = LOWEST;
    var peak{{ r }} = LOWEST;
    var total{{ r }} = 0.0;    // over this lane's keys
{% endfor %}
    for (var first = 0u; first < call.keys; first += KEYS) {
        for (var i = invocation; i < KEYS; i += INVOCATIONS) {
            moments[i] = key_moment(task, first + i);
{% if causal %}
            atomicStore(&marks[i], 0u);
{% endif %}
        }
        if invocation == 0u {
            atomicStore(&raised, 0u);
        }
        for (var i = invocation; i < KEYS * QUADS; i += INVOCATIONS) {
            let start = key_start(input, first + i / QUADS);
            stage(i / QUADS, i % QUADS, {{ padded("key", "start", "i % QUADS") }});
        }
        workgroupBarrier();

{% for j in range(blocks) %}
{% for i in range(strips) %}
        var product{{ j }}_{{ i }}: {{ type }}<f32, C>;
{% endfor %}
{% for d in range(matrices) %}
        let key{{ j }}_{{ d }} = coopLoad<{{ type }}<f16, B>>(&tile[{{ j * edge }}u * STRIDE + {{ d * edge }}u], STRIDE);
{% for i in range(strips) %}
        product{{ j }}_{{ i }} = coopMultiplyAdd(query{{ i }}_{{ d }}, key{{ j }}_{{ d }}, product{{ j }}_{{ i }});
{% endfor %}
{% endfor %}
{% for i in range(strips) %}
        coopStoreT(product{{ j }}_{{ i }}, &scores[(own + {{ i * edge }}u) * SCORE_STRIDE + {{ j * edge }}u], SCORE_STRIDE);
{% endfor %}
{% endfor %}
        for (var i = invocation; i < KEYS * QUADS; i += INVOCATIONS) {
            let j = i / QUADS;
            let start = value_start(input, first + j);
            // A value that no row sees may be NaN: it must not even be multiplied by zero.
            var staged = select({{ padded("value", "start", "i % QUADS") }}, Quad(), moments[j] >= INVALID);
{% if causal %}
            // Nor one that only some rows see: for them the weight will be NaN instead.
            let finite = (bitcast<vec4<u32>>(vec4<f32>(staged)) & vec4(EXPONENT)) != vec4(EXPONENT);
            if !all(finite) {
                atomicStore(&marks[j], NAN);
            }
            staged = select(Quad(), staged, finite);
{% endif %}
            stage(KEYS + j, i % QUADS, staged);
        }
        workgroupBarrier();

{% include "attention/softmax.matrix.wgsl" %}
        // All weights are there beyond this.
        if workgroupUniformLoad(&raised) != 0u {
{% for d in range(0, matrices, blocks) %}
{% set count = [blocks, matrices - d] | min %}
{{ put_sums(d, count) }}
{% for r in range(rows) %}{% for c in range(count * edge // lanes) %}
            scores[(first_row + {{ r }}u) * SCORE_STRIDE + {{ c }}u * LANES + lane] *= fade{{ r }};
{% endfor %}{% endfor %}
            workgroupBarrier();
{% for i in range(strips) %}{% for e in range(count) %}
            sum{{ i }}_{{ d + e }} = coopLoadT<{{ type }}<f32, C>>(&scores[(own + {{ i * edge }}u) * SCORE_STRIDE + {{ e * edge }}u], SCORE_STRIDE);
{% endfor %}{% endfor %}
{% endfor %}
        }

{% for j in range(blocks) %}
{% for i in range(strips) %}
        let weights{{ j }}_{{ i }} = (own + {{ i * edge }}u) * WEIGHT_STRIDE + {{ j * edge }}u;
        let high{{ j }}_{{ i }} = coopLoadT<{{ type }}<f16, A>>(&weights[weights{{ j }}_{{ i }}], WEIGHT_STRIDE);
        let low{{ j }}_{{ i }} = coopLoadT<{{ type }}<f16, A>>(&weights[WEIGHTS + weights{{ j }}_{{ i }}], WEIGHT_STRIDE);
{% endfor %}
{% for d in range(matrices) %}
        let value{{ j }}_{{ d }} = coopLoadT<{{ type }}<f16, B>>(&tile[(KEYS + {{ j * edge }}u) * STRIDE + {{ d * edge }}u], STRIDE);
{% for part in ["high", "low"] %}{% for i in range(strips) %}
        sum{{ i }}_{{ d }} = coopMultiplyAdd({{ part }}{{ j }}_{{ i }}, value{{ j }}_{{ d }}, sum{{ i }}_{{ d }});
{% endfor %}{% endfor %}
{% endfor %}
{% endfor %}
    }

{% if lanes > 1 %}
    lane_rows[invocation] = total0;
    workgroupBarrier();
    total0 = {% for l in range(lanes) %}lane_rows[invocation - lane + {{ l }}u]{{ " + " if not loop.last }}{% endfor %};
{% endif %}
{% for r in range(rows) %}
    let exists{{ r }} = first_query + first_row + {{ r }}u < call.queries;
    let share{{ r }} = select(1.0 / (total{{ r }} * SCALE), 0.0, total{{ r }} == 0.0);
    let start{{ r }} = output_start(task, token{{ r }});
{% if statistics %}
    if exists{{ r }} && lane == 0u {
        store_statistics(task, token{{ r }}, highest{{ r }} / LOG2_E, total{{ r }} * exp2(peak{{ r }} - highest{{ r }}));
    }
{% endif %}
{% endfor %}
{% for d in range(0, matrices, blocks) %}
{% set count = [blocks, matrices - d] | min %}
{% if d > 0 %}
    workgroupBarrier();
{% endif %}
{{ put_sums(d, count) }}
    for (var i = lane; i < {{ count * edge // 4 }}u; i += LANES) {
        let quad = {{ d * edge // 4 }}u + i;
{% for r in range(rows) %}
        if exists{{ r }} && quad < HEAD_QUADS {
            let at = (first_row + {{ r }}u) * SCORE_STRIDE + 4u * i;
            var result = vec4(scores[at], scores[at + 1u], scores[at + 2u], scores[at + 3u]) * share{{ r }};
            if total{{ r }} == 0.0 && call.empty_row == 1u {
                result = mean_of_values(input, quad);
            }
            store(start{{ r }}, quad, result);
        }
{% endfor %}
    }
{% endfor %}
}
