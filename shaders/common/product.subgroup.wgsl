// A product, a tile of {{ rows }} rows × 4·{{ lanes }} columns a subgroup of {{ lanes }} lanes.
//
//     sums[m, n] = Σ_k left[m, k] · weight[n, k]
//
// For software devices. Where the lanes are those of a CPU's vector unit a product costs next to nothing and a load
// much, as every lane fetches its elements one by one. So all sums stay in registers; a lane owns four columns and loads
// its share of the rows, which reach the other lanes by broadcasts from constant lanes. Within a step of four k the rows
// follow one another, so that a row's sums stay in registers for all its products. There is no barrier to wait at.
//
// The including file declares `parameters` (with rows, inner, columns, groups), `weight` in panels of as many columns,
// and
//     left_start(row)           where a row of the left operand begins,
//     left(start, k)            its values k … k+3, any value of that row for those beyond inner,
//     store(row, column, sums)  what becomes of the sums of columns column … column+3, if they exist.

const ROWS: u32 = {{ rows }}u;
const LANES: u32 = {{ lanes }}u;
// Rows that are stored in one loop.
const STORED: u32 = {{ stored }}u;

// Finished sums, a slot a row and lane: a loop can index them here. Each lane reads what it wrote itself.
var<workgroup> finished: array<vec4<f32>, STORED * LANES>;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let group = workgroup.x + workgroup.y * workgroups.x;
    if group >= parameters.groups {
        return;
    }
    let row_tiles = (parameters.rows + ROWS - 1u) / ROWS;
    let first_row = group % row_tiles * ROWS;
    let panel = group / row_tiles;
    let last_row = parameters.rows - 1u;
    var at = panel * ((parameters.inner + 3u) / 4u * 4u) * LANES + lane;
{% for i in range(rows // lanes) %}
    let start{{ i }} = left_start(min(first_row + {{ i * lanes }}u + lane, last_row));
{% endfor %}
{% for row in range(rows) %}
    var sums{{ row }} = vec4<f32>();
{% endfor %}

    for (var k = 0u; k < parameters.inner; k += 4u) {
        let inside = k + vec4(0u, 1u, 2u, 3u) < vec4(parameters.inner);
{% for i in range(rows // lanes) %}
        let left{{ i }} = select(vec4<f32>(), left(start{{ i }}, k), inside);
{% endfor %}
{% for s in range(4) %}
        let weight{{ s }} = weight[at + {{ s }}u * LANES];
{% endfor %}
{% for row in range(rows) %}
        let row{{ row }} = subgroupBroadcast(left{{ row // lanes }}, {{ row % lanes }}u);
        sums{{ row }} += row{{ row }}.x * weight0;
        sums{{ row }} += row{{ row }}.y * weight1;
        sums{{ row }} += row{{ row }}.z * weight2;
        sums{{ row }} += row{{ row }}.w * weight3;
{% endfor %}
        at += 4u * LANES;
    }

    let column = (panel * LANES + lane) * 4u;
{% for first in range(0, rows, stored) %}
{% for row in range(stored) %}
    finished[{{ row }}u * LANES + lane] = sums{{ first + row }};
{% endfor %}
    for (var row = 0u; row < STORED && first_row + {{ first }}u + row < parameters.rows; row += 1u) {
        store(first_row + {{ first }}u + row, column, finished[row * LANES + lane]);
    }
{% endfor %}
}
