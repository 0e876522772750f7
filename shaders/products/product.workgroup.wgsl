// A product, a tile of ROWS × COLUMNS a workgroup.
//
//     sums[m, n] = Σ_k left[m, k] · weight[n, k]
//
// For GPUs: DEPTH steps of k at a time are staged in workgroup memory, where an invocation's block of sums needs few loads:
// for 8 × 8 of them 16 loads of four for 256 multiply-adds. An invocation's rows and columns are strided so that neighbours
// read neighbouring words. Each staged step is multiplied while the next one is on its way from storage.
//
// Halves are staged as they are, which halves what goes through that memory, and made floats for the multiplication: f32
// holds the product of two halves exactly, where a product of halves would be rounded to 11 bits before it is added.
//
// The including file declares `call` (with rows, inner, columns), `weight` in panels of COLUMNS columns, and
//     weight_at(place)                  four columns of a row of it,
//     left_start(row)                   where a row of the left operand begins,
//     left(start, k)                    its values k … k+3, any value of that row for those beyond inner,
//     first_sums(column)                what the sums of columns column … column+3 begin with,
//     places(column)                    where these columns go in the first row,
//     store(places, row, column, sums)  what becomes of their sums, if they exist.

{# What an invocation has: rows, and quads of columns, of its block; quads of each operand that it stages in a step. #}
{% set quads = block_columns // 4 %}
{% set left_staged = (rows * depth // 4) // lanes %}
{% set weight_staged = (columns * depth // 4) // lanes %}
// Four neighbours of an operand.
alias Quad = {{ "vec4<f16>" if half_input else "vec4<f32>" }};

const ROWS: u32 = {{ rows }}u;
const COLUMNS: u32 = {{ columns }}u;
const DEPTH: u32 = {{ depth }}u;
const INVOCATIONS: u32 = {{ lanes }}u;
// Invocations along the rows and along the columns.
const ROW_LANES: u32 = ROWS / {{ block_rows }}u;
const COLUMN_LANES: u32 = COLUMNS / {{ block_columns }}u;
// Quads of a step in a row of the left operand, and in a row of the weight's panel.
const STEP_QUADS: u32 = DEPTH / 4u;
const PANEL_QUADS: u32 = COLUMNS / 4u;
// Padded by 32 bytes, so that the quads of a row, written by neighbours, lie in different memory banks.
const LEFT_STRIDE: u32 = ROWS + {{ 4 if half_input else 2 }}u;

var<workgroup> left_tile: array<Quad, STEP_QUADS * LEFT_STRIDE>;  // [DEPTH / 4, ROWS], each four k of a row
var<workgroup> weight_tile: array<Quad, DEPTH * PANEL_QUADS>;     // [DEPTH, COLUMNS / 4], each four columns

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = workgroup.x + workgroup.y * workgroups.x;
    // Neighbouring workgroups share their rows, which stay in a cache, and stream through the weight.
    let panels = (call.columns + COLUMNS - 1u) / COLUMNS;
    let first_row = group / panels * ROWS;
    if first_row >= call.rows {
        return;
    }
    let panel = group % panels;
    let last_row = call.rows - 1u;
    let panel_size = (call.inner + 3u) / 4u * 4u * PANEL_QUADS;

    // Staging: STEP_QUADS invocations share a row, each with four k of the step.
    let staged_row = lane / STEP_QUADS;
    let staged_quad = lane % STEP_QUADS;
{% for i in range(left_staged) %}
    let start{{ i }} = left_start(min(first_row + {{ i }}u * (INVOCATIONS / STEP_QUADS) + staged_row, last_row));
{% endfor %}

    let row_lane = lane / COLUMN_LANES;
    let column_lane = lane % COLUMN_LANES;
{% for j in range(quads) %}
    let column{{ j }} = panel * COLUMNS + ({{ j }}u * COLUMN_LANES + column_lane) * 4u;
    let start_sums_{{ j }} = first_sums(column{{ j }});
{% endfor %}
{% for i in range(block_rows) %}
{% for j in range(quads) %}
    var sums{{ i }}_{{ j }} = start_sums_{{ j }};
{% endfor %}
{% endfor %}

    for (var step = 0u; step < call.inner + DEPTH; step += DEPTH) {
        let k = step + staged_quad * 4u;
        let inside = k + vec4(0u, 1u, 2u, 3u) < vec4(call.inner);
{% for i in range(left_staged) %}
        let left{{ i }} = select(Quad(), left(start{{ i }}, k), inside);
{% endfor %}
{% for i in range(weight_staged) %}
        let at{{ i }} = step * PANEL_QUADS + {{ i }}u * INVOCATIONS + lane;
        let staged{{ i }} = weight_at(panel * panel_size + min(at{{ i }}, panel_size - 1u));
        let weight{{ i }} = select(Quad(), staged{{ i }}, at{{ i }} < panel_size);
{% endfor %}

        if step > 0u {
            for (var q = 0u; q < STEP_QUADS; q += 1u) {
{% for i in range(block_rows) %}
                let a{{ i }} = vec4<f32>(left_tile[q * LEFT_STRIDE + {{ i }}u * ROW_LANES + row_lane]);
{% endfor %}
{% for s in range(4) %}
{% for j in range(quads) %}
                let b{{ s }}_{{ j }} = vec4<f32>(weight_tile[(q * 4u + {{ s }}u) * PANEL_QUADS + {{ j }}u * COLUMN_LANES + column_lane]);
{% endfor %}
{% for i in range(block_rows) %}
{% for j in range(quads) %}
                sums{{ i }}_{{ j }} += a{{ i }}.{{ "xyzw"[s] }} * b{{ s }}_{{ j }};
{% endfor %}
{% endfor %}
{% endfor %}
            }
        }

        workgroupBarrier();
{% for i in range(left_staged) %}
        left_tile[staged_quad * LEFT_STRIDE + {{ i }}u * (INVOCATIONS / STEP_QUADS) + staged_row] = left{{ i }};
{% endfor %}
{% for i in range(weight_staged) %}
        weight_tile[{{ i }}u * INVOCATIONS + lane] = weight{{ i }};
{% endfor %}
        workgroupBarrier();
    }

{% for j in range(quads) %}
    let places_{{ j }} = places(column{{ j }});
{% endfor %}
{% for i in range(block_rows) %}
    let row{{ i }} = first_row + {{ i }}u * ROW_LANES + row_lane;
    if row{{ i }} < call.rows {
{% for j in range(quads) %}
        store(places_{{ j }}, row{{ i }}, column{{ j }}, sums{{ i }}_{{ j }});
{% endfor %}
    }
{% endfor %}
}
