// A product, four rows × four columns an invocation.
//
//     sums[m, n] = Σ_k left[m, k] · weight[n, k]
//
// For devices without anything better: sums stay in registers, both operands come straight from storage, and one step
// of four k feeds 64 multiply-adds from eight loads. Neighbouring invocations own neighbouring columns.
//
// The including file declares `call` (with rows, inner, columns), `weight` in panels of four columns, and
//     weight_at(place)                  four columns of a row of it,
//     left_start(row)                   where a row of the left operand begins,
//     left(start, k)                    its values k … k+3, any value of that row for those beyond inner,
//     first_sums(column)                what the sums of columns column … column+3 begin with,
//     places(column)                    where these columns go in the first row,
//     store(places, row, column, sums)  what becomes of their sums, if they exist.

// Four neighbours of an operand: halves are made floats as they are loaded.
alias Quad = vec4<f32>;

const LANES: u32 = {{ lanes }}u;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = (group.x + group.y * groups.x) * LANES + lane;
    let panels = (call.columns + 3u) / 4u;
    let panel = tile % panels;
    let row = tile / panels * 4u;
    if row >= call.rows {
        return;
    }
    let column = panel * 4u;
    let start_sums = first_sums(column);
    let last_row = call.rows - 1u;
    var at = panel * ((call.inner + 3u) / 4u * 4u);
{% for i in range(4) %}
    let start{{ i }} = left_start(min(row + {{ i }}u, last_row));
    var sums{{ i }} = start_sums;
{% endfor %}

    for (var k = 0u; k < call.inner; k += 4u) {
        let inside = k + vec4(0u, 1u, 2u, 3u) < vec4(call.inner);
{% for s in range(4) %}
        let weight{{ s }} = weight_at(at + {{ s }}u);
{% endfor %}
{% for i in range(4) %}
        let left{{ i }} = select(vec4<f32>(), left(start{{ i }}, k), inside);
        sums{{ i }} += left{{ i }}.x * weight0 + left{{ i }}.y * weight1 + left{{ i }}.z * weight2 + left{{ i }}.w * weight3;
{% endfor %}
        at += 4u;
    }

    let column_places = places(column);
{% for i in range(4) %}
    if row + {{ i }}u < call.rows {
        store(column_places, row + {{ i }}u, column, sums{{ i }});
    }
{% endfor %}
}
