// A product of columns, four × four of them an invocation.
//
//     sums[n, k] = Σ_m left[m, n] · right[m, k]
//
// For devices without anything better: sums stay in registers, and each row of the operands gives 16 multiply-adds for
// two loads. Neighbouring invocations own neighbouring columns of the right operand.
//
// The including file declares `call` (with rows, columns, inner), and
//     left_places(column)       where four columns lie in a row, any columns for those beyond the last,
//     left_at(row, places)      these columns of a row,
//     right_places(k), right_at(row, places)   the same of the right operand,
//     store(column, k, sums)    what becomes of four sums of one left column, if they exist.

const LANES: u32 = {{ lanes }}u;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = (group.x + group.y * groups.x) * LANES + lane;
    let across = (call.inner + 3u) / 4u;
    let k = tile % across * 4u;
    let column = tile / across * 4u;
    if column >= call.columns {
        return;
    }
{% for i in range(4) %}
    var sums{{ i }} = vec4<f32>();
{% endfor %}
    let of_left = left_places(column);
    let of_right = right_places(k);
    for (var row = 0u; row < call.rows; row += 1u) {
        let left = left_at(row, of_left);
        let right = right_at(row, of_right);
{% for i in range(4) %}
        sums{{ i }} += left.{{ "xyzw"[i] }} * right;
{% endfor %}
    }
{% for i in range(4) %}
    store(column + {{ i }}u, k, sums{{ i }});
{% endfor %}
}
