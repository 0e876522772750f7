// An invocation a row. The including file declares `call` with `rows`, and says in `compute(row)` what is done with one of
// them, which exists.

const ROWS: u32 = {{ rows }}u;

@compute @workgroup_size(ROWS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = (group.x + group.y * groups.x) * ROWS + lane;
    if row < call.rows {
        compute(row);
    }
}
