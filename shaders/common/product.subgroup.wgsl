// A product, a tile of ROWS rows × four columns a lane, a subgroup a workgroup.
//
//     sums[m, n] = Σ_k left[m, k] · weight[n, k]
//
// For software devices. Where the lanes are those of a CPU's vector unit a product costs next to nothing and a load
// much, as every lane fetches its elements one by one. So all sums stay in registers; a lane owns four columns and loads
// its share of the rows, which reach the other lanes by broadcasts from constant lanes. Within a step of four k the rows
// follow one another, so that a row's sums stay in registers for all its products. There is no barrier to wait at.
//
// The including file declares `parameters` (with rows, inner, columns, groups), `weight` in panels of 4·LANES columns, and
//     left_start(row)                   where a row of the left operand begins,
//     left(start, k)                    its values k … k+3, any value of that row for those beyond inner,
//     first_sums(column)                what the sums of columns column … column+3 begin with,
//     places(column)                    where these columns go in the first row,
//     store(places, row, column, sums)  what becomes of their sums, if they exist.

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
    // Neighbouring workgroups share their rows, which stay in a cache, and stream through the weight.
    let panels = (parameters.columns + 4u * LANES - 1u) / (4u * LANES);
    let first_row = group / panels * ROWS;
    let panel = group % panels;
    let column = (panel * LANES + lane) * 4u;
    let start_sums = first_sums(column);
    let last_row = parameters.rows - 1u;
    var at = panel * ((parameters.inner + 3u) / 4u * 4u) * LANES + lane;
{% for i in range(rows // lanes) %}
    let start{{ i }} = left_start(min(first_row + {{ i * lanes }}u + lane, last_row));
{% endfor %}
{% for row in range(rows) %}
    var sums{{ row }} = start_sums;
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

    let column_places = places(column);
{% for first in range(0, rows, stored) %}
{% for row in range(stored) %}
    finished[{{ row }}u * LANES + lane] = sums{{ first + row }};
{% endfor %}
    for (var row = 0u; row < STORED && first_row + {{ first }}u + row < parameters.rows; row += 1u) {
        store(column_places, first_row + {{ first }}u + row, column, finished[row * LANES + lane]);
    }
{% endfor %}
}
