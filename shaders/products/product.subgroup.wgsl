// A product, a tile of ROWS rows × four columns a lane, a subgroup a workgroup.
//
//     sums[m, n] = Σ_k left[m, k] · weight[n, k]
//
// For software devices. Where the lanes are those of a CPU's vector unit a product costs next to nothing and a load
// much, as every lane fetches its elements one by one. So all sums stay in registers; a lane owns four columns and loads
// its share of the rows, which reach the other lanes by broadcasts from constant lanes. Within a step of four k the rows
// follow one another, so that a row's sums stay in registers for all its products. There is no barrier to wait at. A
// taller tile loads less for each product, until the unrolled step outgrows the 32 KiB of an instruction cache.
//
// Where the literal `wide` says so, two floats are loaded as one 64-bit word, or two halves as one of 32 bits, and a step
// is eight k. Halves are made floats as they are loaded: such a device has no arithmetic of halves, only their loads are
// fewer.
//
// The including file declares `call` (with rows, inner, columns), `weight` in panels of 4·LANES columns
// (wide: in pairs of rows, lane by lane; of halves, `widened` makes four floats), and, with four neighbours as a Quad,
//     weight_at(place)                  four columns of a row of it,
//     left_start(row)                   where a row of the left operand begins,
//     left(start, k)                    its values k … k+3, any value of that row for those beyond inner,
//     left_pairs(start, k)              wide: its values k … k+7 as four pairs of floats or of halves,
//     first_sums(column)                what the sums of columns column … column+3 begin with,
//     places(column)                    where these columns go in the first row,
//     store(places, row, column, sums)  what becomes of their sums, if they exist.

// Four neighbours of an operand.
alias Quad = vec4<f32>;

const ROWS: u32 = {{ rows }}u;
const LANES: u32 = {{ lanes }}u;
// Rows that are stored in one loop.
const STORED: u32 = {{ stored }}u;

// Finished sums, a slot a row and lane: a loop can index them here. Each lane reads what it wrote itself.
var<workgroup> finished: array<vec4<f32>, STORED * LANES>;

{% if wide and half_input %}
fn low(pairs: vec4<u32>) -> vec4<f32> {
    return vec4({% for p in "xyzw" %}unpack2x16float(pairs.{{ p }}).x{{ ", " if not loop.last }}{% endfor %});
}

fn high(pairs: vec4<u32>) -> vec4<f32> {
    return vec4({% for p in "xyzw" %}unpack2x16float(pairs.{{ p }}).y{{ ", " if not loop.last }}{% endfor %});
}

{% elif wide %}
fn low(pairs: vec4<u64>) -> vec4<f32> {
    return bitcast<vec4<f32>>(vec4<u32>(pairs));
}

fn high(pairs: vec4<u64>) -> vec4<f32> {
    return bitcast<vec4<f32>>(vec4<u32>(pairs >> vec4(32u)));
}

{% endif %}
@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let group = workgroup.x + workgroup.y * workgroups.x;
    // Neighbouring workgroups share their rows, which stay in a cache, and stream through the weight.
    let panels = (call.columns + 4u * LANES - 1u) / (4u * LANES);
    let first_row = group / panels * ROWS;
    if first_row >= call.rows {
        return;
    }
    let panel = group % panels;
    let column = (panel * LANES + lane) * 4u;
    let start_sums = first_sums(column);
    let last_row = call.rows - 1u;
    var at = panel * ((call.inner + 3u) / 4u * {{ 2 if wide else 4 }}u) * LANES + lane;
{% for i in range(rows // lanes) %}
    let start{{ i }} = left_start(min(first_row + {{ i * lanes }}u + lane, last_row));
{% endfor %}
{% for row in range(rows) %}
    var sums{{ row }} = start_sums;
{% endfor %}

{% set depth = 8 if wide else 4 %}
    for (var k = 0u; k < call.inner; k += {{ depth }}u) {
{% if wide %}
{% for i in range(rows // lanes) %}
        let pairs{{ i }} = left_pairs(start{{ i }}, k);
        let even{{ i }} = low(pairs{{ i }});
        let odd{{ i }} = high(pairs{{ i }});
{% endfor %}
{% for s in range(0, 8, 2) %}
        let weights{{ s }} = weight[at + {{ s // 2 }}u * LANES];
{% if half %}
        let weight{{ s }} = widened(weights{{ s }}.xy);
        let weight{{ s + 1 }} = widened(weights{{ s }}.zw);
{% else %}
        let low{{ s }} = low(weights{{ s }});
        let high{{ s }} = high(weights{{ s }});
        let weight{{ s }} = vec4(low{{ s }}.x, high{{ s }}.x, low{{ s }}.y, high{{ s }}.y);
        let weight{{ s + 1 }} = vec4(low{{ s }}.z, high{{ s }}.z, low{{ s }}.w, high{{ s }}.w);
{% endif %}
{% endfor %}
{% else %}
        let inside = k + vec4(0u, 1u, 2u, 3u) < vec4(call.inner);
{% for i in range(rows // lanes) %}
        let left{{ i }} = select(vec4<f32>(), left(start{{ i }}, k), inside);
{% endfor %}
{% for s in range(4) %}
        let weight{{ s }} = weight_at(at + {{ s }}u * LANES);
{% endfor %}
{% endif %}
        // The products of a step are added up before they meet the sum: the sum is rounded once a step.
{% for row in range(rows) %}
{% if wide %}
        let even_row{{ row }} = subgroupBroadcast(even{{ row // lanes }}, {{ row % lanes }}u);
        let odd_row{{ row }} = subgroupBroadcast(odd{{ row // lanes }}, {{ row % lanes }}u);
{% else %}
        let row{{ row }} = subgroupBroadcast(left{{ row // lanes }}, {{ row % lanes }}u);
{% endif %}
{% for s in range(depth) %}
{% set value = ("odd_row" if s % 2 else "even_row") ~ row ~ "." ~ "xyzw"[s // 2] if wide else "row" ~ row ~ "." ~ "xyzw"[s] %}
        {{ "var" if s == 0 }} step{{ row }} {{ "+" if s > 0 }}= {{ value }} * weight{{ s }};
{% endfor %}
        sums{{ row }} += step{{ row }};
{% endfor %}
        at += 4u * LANES;
    }

    let column_places = places(column);
{% for first in range(0, rows, stored) %}
{% for row in range(stored) %}
    finished[{{ row }}u * LANES + lane] = sums{{ first + row }};
{% endfor %}
    for (var row = 0u; row < STORED && first_row + {{ first }}u + row < call.rows; row += 1u) {
        store(column_places, first_row + {{ first }}u + row, column, finished[row * LANES + lane]);
    }
{% endfor %}
}
