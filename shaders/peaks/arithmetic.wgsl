// How fast this device multiplies and adds: chains of x ← x · a + b that touch no memory.
//
//     out[i] = Σ over 32 chains of x after 8 · `steps` steps, from x = (i mod 64) + chain
//
// Eight vectors of four independent chains hide the latency of each step. Eight steps are unrolled: with more, software
// devices run the chains one after the other.

struct Uniform {
    elements: u32,
    steps: u32,
    factor: f32,
    addend: f32,
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;  // [M]

const INVOCATIONS: u32 = {{ invocations }}u;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    if place >= call.elements {
        return;
    }
    let a = vec4(call.factor);
    let b = vec4(call.addend);
    let start = f32(place % 64u);
    {% for chain in range(8) %}
    var x{{ chain }} = start + vec4({{ 4 * chain }}.0, {{ 4 * chain + 1 }}.0, {{ 4 * chain + 2 }}.0, {{ 4 * chain + 3 }}.0);
    {% endfor %}
    for (var step = 0u; step < call.steps; step += 1u) {
        {% for unrolled in range(8) %}
        {% for chain in range(8) %}
        x{{ chain }} = fma(x{{ chain }}, a, b);
        {% endfor %}
        {% endfor %}
    }
    let sum = {% for chain in range(8) %}x{{ chain }}{% if not loop.last %} + {% endif %}{% endfor %};
    output[place] = sum.x + sum.y + sum.z + sum.w;
}
