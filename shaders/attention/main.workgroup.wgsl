{#-
    A tile of own tokens a workgroup: LANES invocations share ROWS of them, and meet 4 · LANES tokens of the operand `other` at a
    time, of which each lane takes 4 adjacent ones. The including file says in `compute` what it does; each of
    `heads` heads has its own tasks.

    Literals: queries: own tokens of a tile; lanes; rows, at most 4; width D; aligned: D is a multiple of 4; half_input:
    operands are halves, and are staged as they are.
-#}
{% from "common/quads.wgsl" import read_quad %}
const OWN: u32 = {{ queries }}u;
const LANES: u32 = {{ lanes }}u;
const ROWS: u32 = {{ rows }}u;
const OTHERS: u32 = 4u * LANES;
const QUADS: u32 = {{ quads }}u;
const INVOCATIONS: u32 = OWN / ROWS * LANES;

// Four features of an operand, as they are staged.
alias Quad = {{ "vec4<f16>" if half_input else "vec4<f32>" }};

// The others as [quad][token], the token that lane l takes as its j-th at j · LANES + l: neighbours read neighbours.
var<workgroup> tile: array<Quad, OTHERS * QUADS>;
var<workgroup> moments: array<u32, OTHERS>;

{{ read_quad("query", width, aligned, "vec4<f32>", half_input) }}
{{ read_quad("key", width, aligned, "Quad", half_input) }}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let number = workgroup.x + workgroup.y * workgroups.x;
    let task = task_of(number, (call.queries + OWN - 1u) / OWN, {{ heads }});
    if task.sequence < call.sequences {
        compute(task, invocation);
    }
}
