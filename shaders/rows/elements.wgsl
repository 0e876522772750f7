// A step of its own on each element. The including file declares `call` with `elements`, `input`, and
//     computed(values)        what four elements of the input become,
//     store(element, value)   what is stored of one of them, which exists.
// An invocation takes four elements a workgroup apart: neighbouring invocations read neighbours.

const INVOCATIONS: u32 = {{ invocations }}u;

fn value_at(element: u32) -> f32 {
    return input[min(element, call.elements - 1u)];
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.x + group.y * groups.x) * 4u * INVOCATIONS + lane;
    let element = first + vec4(0u, 1u, 2u, 3u) * INVOCATIONS;
    let values = computed(vec4(value_at(element.x), value_at(element.y), value_at(element.z), value_at(element.w)));
{% for e in "xyzw" %}
    if element.{{ e }} < call.elements {
        store(element.{{ e }}, values.{{ e }});
    }
{% endfor %}
}
