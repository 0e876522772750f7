{#-
    An invocation a task. The including file says in `compute` what it does; each of `heads` heads has its own tasks.
-#}
{% from "common/quads.wgsl" import read_quad %}
const INVOCATIONS: u32 = {{ invocations }}u;

{{ read_quad("query", width, aligned, "vec4<f32>", half_input) }}
{{ read_quad("key", width, aligned, "vec4<f32>", half_input) }}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    let task = task_of(number, call.queries, {{ heads }});
    if task.sequence < call.sequences {
        compute(task);
    }
}
