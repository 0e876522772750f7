// A product of columns, 64 × 64 of them a workgroup.
//
//     sums[n, k] = Σ_m left[m, n] · right[m, k]
//
// For GPUs: 16 rows of both operands at a time are staged in workgroup memory, where an invocation's 8 × 8 sums need four
// loads of four for 64 multiply-adds. Its columns are strided, so that neighbours read neighbouring words. Both operands
// lie as they are multiplied, row by row: nothing has to be turned.
//
// The including file declares `call` (with rows, columns, inner), and
//     left_places(column)       where four columns lie in a row, any columns for those beyond the last,
//     left_at(row, places)      these columns of a row,
//     right_places(k), right_at(row, places)   the same of the right operand,
//     store(column, k, sums)    what becomes of four sums of one left column, if they exist.

const DEPTH: u32 = 16u;

var<workgroup> left_tile: array<vec4<f32>, 256>;   // [DEPTH, 64 / 4]
var<workgroup> right_tile: array<vec4<f32>, 256>;  // [DEPTH, 64 / 4]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = group.x + group.y * groups.x;
    let across = (call.inner + 63u) / 64u;
    let first_k = place % across * 64u;
    let first_column = place / across * 64u;
    if first_column >= call.columns {
        return;
    }
    let of_left = left_places(first_column + lane % 16u * 4u);
    let of_right = right_places(first_k + lane % 16u * 4u);
    let left_lane = lane / 8u;
    let right_lane = lane % 8u;
{% for i in range(8) %}
    var sums{{ i }}_0 = vec4<f32>();
    var sums{{ i }}_1 = vec4<f32>();
{% endfor %}

    for (var first = 0u; first < call.rows; first += DEPTH) {
{% for i in range(4) %}
        let row{{ i }} = first + {{ 4 * i }}u + lane / 16u;
        let known{{ i }} = min(row{{ i }}, call.rows - 1u);
        let left{{ i }} = select(vec4<f32>(), left_at(known{{ i }}, of_left), row{{ i }} < call.rows);
        let right{{ i }} = select(vec4<f32>(), right_at(known{{ i }}, of_right), row{{ i }} < call.rows);
{% endfor %}
        workgroupBarrier();
{% for i in range(4) %}
        left_tile[{{ 64 * i }}u + lane] = left{{ i }};
        right_tile[{{ 64 * i }}u + lane] = right{{ i }};
{% endfor %}
        workgroupBarrier();
        for (var m = 0u; m < DEPTH; m += 1u) {
            let a_0 = left_tile[m * 16u + left_lane];
            let a_1 = left_tile[m * 16u + left_lane + 8u];
            let b_0 = right_tile[m * 16u + right_lane];
            let b_1 = right_tile[m * 16u + right_lane + 8u];
{% for i in range(8) %}
            sums{{ i }}_0 += a_{{ i // 4 }}.{{ "xyzw"[i % 4] }} * b_0;
            sums{{ i }}_1 += a_{{ i // 4 }}.{{ "xyzw"[i % 4] }} * b_1;
{% endfor %}
        }
    }

{% for i in range(8) %}
    store(first_column + {{ 32 * (i // 4) + i % 4 }}u + left_lane * 4u, first_k + right_lane * 4u, sums{{ i }}_0);
    store(first_column + {{ 32 * (i // 4) + i % 4 }}u + left_lane * 4u, first_k + right_lane * 4u + 32u, sums{{ i }}_1);
{% endfor %}
}
