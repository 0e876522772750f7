// A product of halves by matrix units, a tile of ROWS × 64 a workgroup.
//
//     sums[m, n] = Σ_k left[m, k] · weight[n, k]
//
// For GPUs with matrix units, which multiply matrices of EDGE × EDGE halves and add up in f32. 32 steps of k at a time are
// staged in workgroup memory, zero beyond the last; the subgroups divide the tile between them, and each loads a matrix
// once for a row or a column of its products: with 32 lanes, six matrices for eight products. Each staged step is multiplied while
// the next one is on its way from storage.
//
// No element of a matrix can be reached, so finished sums come back through workgroup memory, where every invocation
// takes four columns, adds their bias, and stores them. Rows and columns that do not exist are multiplied, too, and dropped
// there: the last row stands in for those beyond it.
//
// The including file declares `call` (with rows, inner, columns), `weight` in panels of 64 columns, and, with four
// neighbours as a Quad,
//     weight_at(place)                  four columns of a row of it,
//     left_start(row)                   where a row of the left operand begins,
//     left(start, k)                    its values k … k+3, any value of that row for those beyond inner,
//     first_sums(column)                what is added to the sums of columns column … column+3,
//     places(column)                    where these columns go in the first row,
//     store(places, row, column, sums)  what becomes of their sums, if they exist.

{# What an invocation stages of the 32 steps of k from `step` on; zero beyond the last. #}
{% macro fetch(step, rows) %}
    {
        let k = {{ step }} + lane % 8u * 4u;
        let inside = k + vec4(0u, 1u, 2u, 3u) < vec4(call.inner);
{% for i in range(rows // 16) %}
        left{{ i }} = select(Quad(), left(start{{ i }}, k), inside);
{% endfor %}
{% for i in range(4) %}
        let at{{ i }} = ({{ step }}) * 16u + {{ 128 * i }}u + lane;
        let staged{{ i }} = weight_at(panel * panel_size + min(at{{ i }}, panel_size - 1u));
        weight{{ i }} = select(Quad(), staged{{ i }}, at{{ i }} < panel_size);
{% endfor %}
    }
{% endmacro %}
// Four neighbours of an operand.
alias Quad = vec4<f16>;

{% set type = "coop_mat" ~ edge ~ "x" ~ edge %}
const ROWS: u32 = {{ rows }}u;
const DEPTH: u32 = 32u;
const EDGE: u32 = {{ edge }}u;
// Rows and columns of a subgroup, and subgroups along the columns.
const SUBGROUP_ROWS: u32 = {{ row_matrices * edge }}u;
const SUBGROUP_COLUMNS: u32 = {{ column_matrices * edge }}u;
const COLUMN_SUBGROUPS: u32 = {{ column_subgroups }}u;
// Rows that are stored at a time: one row of matrices of every subgroup.
const FINISHED_ROWS: u32 = {{ row_subgroups * edge }}u;
// Padded by 16 bytes: matrices begin where wide loads may, and their rows lie in different memory banks.
const LEFT_STRIDE: u32 = DEPTH + 8u;
const WEIGHT_STRIDE: u32 = 64u + 8u;

var<workgroup> left_tile: array<f16, ROWS * LEFT_STRIDE>;       // [ROWS, DEPTH]
var<workgroup> weight_tile: array<f16, DEPTH * WEIGHT_STRIDE>;  // [DEPTH, 64]
var<workgroup> finished: array<f32, FINISHED_ROWS * 64u>;       // [FINISHED_ROWS, 64]

fn stage_left(at: u32, values: Quad) {
{% for c in range(4) %}
    left_tile[at + {{ c }}u] = values.{{ "xyzw"[c] }};
{% endfor %}
}

fn stage_weight(at: u32, values: Quad) {
{% for c in range(4) %}
    weight_tile[at + {{ c }}u] = values.{{ "xyzw"[c] }};
{% endfor %}
}

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    let group = workgroup.x + workgroup.y * workgroups.x;
    // Neighbouring workgroups share their rows, which stay in a cache, and stream through the weight.
    let panels = (call.columns + 63u) / 64u;
    let first_row = group / panels * ROWS;
    if first_row >= call.rows {
        return;
    }
    let panel = group % panels;
    let last_row = call.rows - 1u;
    let panel_size = (call.inner + 3u) / 4u * 4u * 16u;

    // Staging: eight invocations share a row of the left operand, 16 one of the weight, each with four neighbours.
{% for i in range(rows // 16) %}
    let start{{ i }} = left_start(min(first_row + {{ 16 * i }}u + lane / 8u, last_row));
{% endfor %}
    let left_place = lane / 8u * LEFT_STRIDE + lane % 8u * 4u;
    let weight_place = lane / 16u * WEIGHT_STRIDE + lane % 16u * 4u;

    let left_matrices = subgroup / COLUMN_SUBGROUPS * SUBGROUP_ROWS * LEFT_STRIDE;
    let weight_matrices = subgroup % COLUMN_SUBGROUPS * SUBGROUP_COLUMNS;
{% for i in range(row_matrices) %}
{% for j in range(column_matrices) %}
    var sums{{ i }}_{{ j }}: {{ type }}<f32, C>;
{% endfor %}
{% endfor %}

{% for i in range(rows // 16) %}
    var left{{ i }}: Quad;
{% endfor %}
{% for i in range(4) %}
    var weight{{ i }}: Quad;
{% endfor %}
{{ fetch("0u", rows) }}
    // Never in a branch: matrices are multiplied by all invocations together.
    for (var step = 0u; step < call.inner; step += DEPTH) {
        workgroupBarrier();
{% for i in range(rows // 16) %}
        stage_left(left_place + {{ 16 * i }}u * LEFT_STRIDE, left{{ i }});
{% endfor %}
{% for i in range(4) %}
        stage_weight(weight_place + {{ 8 * i }}u * WEIGHT_STRIDE, weight{{ i }});
{% endfor %}
        workgroupBarrier();
{{ fetch("step + DEPTH", rows) }}
{% for d in range(0, 32, edge) %}
{% for i in range(row_matrices) %}
        let a{{ d }}_{{ i }} = coopLoadT<{{ type }}<f16, A>>(&left_tile[left_matrices + {{ i * edge }}u * LEFT_STRIDE + {{ d }}u], LEFT_STRIDE);
{% endfor %}
{% for j in range(column_matrices) %}
        let b{{ d }}_{{ j }} = coopLoadT<{{ type }}<f16, B>>(&weight_tile[{{ d }}u * WEIGHT_STRIDE + weight_matrices + {{ j * edge }}u], WEIGHT_STRIDE);
{% for i in range(row_matrices) %}
        sums{{ i }}_{{ j }} = coopMultiplyAdd(a{{ d }}_{{ i }}, b{{ d }}_{{ j }}, sums{{ i }}_{{ j }});
{% endfor %}
{% endfor %}
{% endfor %}
    }

    // Storing: 16 invocations share a row.
    let tile_column = lane % 16u * 4u;
    let column = panel * 64u + tile_column;
    let added = first_sums(column);
    let column_places = places(column);
    let finished_matrices = subgroup / COLUMN_SUBGROUPS * EDGE * 64u + weight_matrices;
{% for i in range(row_matrices) %}
{% if i > 0 %}
    workgroupBarrier();
{% endif %}
{% for j in range(column_matrices) %}
    coopStoreT(sums{{ i }}_{{ j }}, &finished[finished_matrices + {{ j * edge }}u], 64u);
{% endfor %}
    workgroupBarrier();
    for (var of_finished = lane / 16u; of_finished < FINISHED_ROWS; of_finished += 8u) {
        let row = first_row + of_finished / EDGE * SUBGROUP_ROWS + {{ i * edge }}u + of_finished % EDGE;
        let at = of_finished * 64u + tile_column;
        let sums = vec4(finished[at], finished[at + 1u], finished[at + 2u], finished[at + 3u]);
        if row < call.rows {
            store(column_places, row, column, sums + added);
        }
    }
{% endfor %}
}
