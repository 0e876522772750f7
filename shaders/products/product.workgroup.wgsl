// A product, a tile of ROWS × 64 a workgroup.
//
//     sums[m, n] = Σ_k left[m, k] · weight[n, k]
//
// For GPUs: 16 steps of k at a time are staged in workgroup memory, where an invocation's 8 × 8 sums need 16 loads of
// four for 256 multiply-adds. An invocation's rows and columns are strided so that neighbours read neighbouring words.
// Each staged step is multiplied while the next one is on its way from storage.
//
// Halves are staged as they are, which halves what goes through that memory, and made floats for the multiplication: f32
// holds the product of two halves exactly, where a product of halves would be rounded to 11 bits before it is added.
//
// The including file declares `call` (with rows, inner, columns), `weight` in panels of 64 columns, and
//     weight_at(place)                  four columns of a row of it,
//     left_start(row)                   where a row of the left operand begins,
//     left(start, k)                    its values k … k+3, any value of that row for those beyond inner,
//     first_sums(column)                what the sums of columns column … column+3 begin with,
//     places(column)                    where these columns go in the first row,
//     store(places, row, column, sums)  what becomes of their sums, if they exist.

// Four neighbours of an operand.
alias Quad = {{ "vec4<f16>" if half_input else "vec4<f32>" }};

const ROWS: u32 = {{ rows }}u;
const DEPTH: u32 = 16u;
// Invocations along the rows; there are 8 along the columns, so as many invocations as rows.
const ROW_LANES: u32 = ROWS / 8u;
// Padded by 32 bytes, so that the four quarters of a row, written by neighbours, lie in different memory banks.
const LEFT_STRIDE: u32 = ROWS + {{ 4 if half_input else 2 }}u;

var<workgroup> left_tile: array<Quad, 4u * LEFT_STRIDE>;  // [DEPTH / 4, ROWS], each four k of a row
var<workgroup> weight_tile: array<Quad, 16u * DEPTH>;     // [DEPTH, 64 / 4], each four columns

@compute @workgroup_size(ROWS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
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

    // Staging: four invocations share a row, each with a quarter of the step.
    let quarter = lane % 4u;
{% for i in range(4) %}
    let start{{ i }} = left_start(min(first_row + {{ i }}u * (ROWS / 4u) + lane / 4u, last_row));
{% endfor %}

    let row_lane = lane / 8u;
    let column_lane = lane % 8u;
    let column = panel * 64u + column_lane * 4u;
    let start_sums_0 = first_sums(column);
    let start_sums_1 = first_sums(column + 32u);
{% for i in range(8) %}
    var sums{{ i }}_0 = start_sums_0;
    var sums{{ i }}_1 = start_sums_1;
{% endfor %}

    for (var step = 0u; step < call.inner + DEPTH; step += DEPTH) {
        let k = step + quarter * 4u;
        let inside = k + vec4(0u, 1u, 2u, 3u) < vec4(call.inner);
{% for i in range(4) %}
        let left{{ i }} = select(Quad(), left(start{{ i }}, k), inside);
{% endfor %}
{% for i in range(256 // rows) %}
        let at{{ i }} = step * 16u + {{ i }}u * ROWS + lane;
        let staged{{ i }} = weight_at(panel * panel_size + min(at{{ i }}, panel_size - 1u));
        let weight{{ i }} = select(Quad(), staged{{ i }}, at{{ i }} < panel_size);
{% endfor %}

        if step > 0u {
            for (var q = 0u; q < 4u; q += 1u) {
{% for i in range(8) %}
                let a{{ i }} = vec4<f32>(left_tile[q * LEFT_STRIDE + {{ i }}u * ROW_LANES + row_lane]);
{% endfor %}
{% for s in range(4) %}
                let b{{ s }}_0 = vec4<f32>(weight_tile[(q * 4u + {{ s }}u) * 16u + column_lane]);
                let b{{ s }}_1 = vec4<f32>(weight_tile[(q * 4u + {{ s }}u) * 16u + column_lane + 8u]);
{% for i in range(8) %}
                sums{{ i }}_0 += a{{ i }}.{{ "xyzw"[s] }} * b{{ s }}_0;
                sums{{ i }}_1 += a{{ i }}.{{ "xyzw"[s] }} * b{{ s }}_1;
{% endfor %}
{% endfor %}
            }
        }

        workgroupBarrier();
{% for i in range(4) %}
        left_tile[quarter * LEFT_STRIDE + {{ i }}u * (ROWS / 4u) + lane / 4u] = left{{ i }};
{% endfor %}
{% for i in range(256 // rows) %}
        weight_tile[{{ i }}u * ROWS + lane] = weight{{ i }};
{% endfor %}
        workgroupBarrier();
    }

    let places_0 = places(column);
    let places_1 = places(column + 32u);
{% for i in range(8) %}
    let row{{ i }} = first_row + {{ i }}u * ROW_LANES + row_lane;
    if row{{ i }} < call.rows {
        store(places_0, row{{ i }}, column, sums{{ i }}_0);
        store(places_1, row{{ i }}, column + 32u, sums{{ i }}_1);
    }
{% endfor %}
}
