// A step of its own on each element, an invocation an element. The including file declares `call` with `elements`, and
//     update(element)   what becomes of one of them, which exists.

const INVOCATIONS: u32 = {{ invocations }}u;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let element = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    if element < call.elements {
        update(element);
    }
}
