{#-
    One subgroup of S lanes a workgroup, for software devices. A lane owns `own` tokens of the operand `owned`; of the operand
    `other` tokens are loaded once a workgroup, spread over the lanes, and broadcast from constant lanes. The including file says
    in `compute` what it does; each of `heads` heads has its own tasks.

    Literals: S; queries: own tokens of a tile, 2·S or 4·S; keys: others that are unrolled, a multiple of S and of 4; width D;
    aligned: D is a multiple of 4; wide: of 8, and the device has 64-bit integers, so that two f32 are loaded as one; masked:
    `causal` and `validity` are obeyed.
-#}
@compute @workgroup_size({{ S }})
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let number = workgroup.x + workgroup.y * workgroups.x;
    let task = task_of(number, (call.queries + {{ queries - 1 }}u) / {{ queries }}u, {{ heads }});
    if task.sequence < call.sequences {
        compute(task, lane);
    }
}
