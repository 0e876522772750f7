// A workgroup a row. The including file declares `call` with `rows`, and says in `compute(row, lane)` what an invocation does
// for one of them, which exists: the same way for all of a workgroup, so that it may have barriers.

const INVOCATIONS: u32 = {{ invocations }}u;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = group.x + group.y * groups.x;
    if row < call.rows {
        compute(row, lane);
    }
}
