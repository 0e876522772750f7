// How fast this device's matrix units multiply f16 and add up in f32: chains of C ← A · B + C that touch no memory.
//
//     sums[·] = Σ over 8 chains of C after `steps` steps, from C = 0: steps · EDGE / 8 everywhere, exactly
//
// Two matrices A of 1 and four matrices B of 1/64, each loaded from a place of its own so that no chain is known to be
// another: eight independent chains hide the latency of each step.

enable f16;
enable wgpu_cooperative_matrix;

{% set type = "coop_mat" ~ edge ~ "x" ~ edge %}
struct Uniform {
    steps: u32,
}

const EDGE: u32 = {{ edge }}u;
const SUBGROUPS: u32 = {{ subgroups }}u;

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> factors: array<f16>;     // [6, EDGE, EDGE]
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;  // [subgroups of all workgroups, EDGE, EDGE]

@compute @workgroup_size({{ invocations }})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_id) subgroup: u32) {
{% for i in range(2) %}
    let a{{ i }} = coopLoadT<{{ type }}<f16, A>>(&factors[{{ i }}u * EDGE * EDGE], EDGE);
{% endfor %}
{% for j in range(4) %}
    let b{{ j }} = coopLoadT<{{ type }}<f16, B>>(&factors[{{ 2 + j }}u * EDGE * EDGE], EDGE);
{% endfor %}
{% for chain in range(8) %}
    var c{{ chain }}: {{ type }}<f32, C>;
{% endfor %}
    for (var step = 0u; step < call.steps; step += 1u) {
{% for chain in range(8) %}
        c{{ chain }} = coopMultiplyAdd(a{{ chain // 4 }}, b{{ chain % 4 }}, c{{ chain }});
{% endfor %}
    }
    let total = {% for chain in range(8) %}c{{ chain }}{{ " + " if not loop.last }}{% endfor %};
    coopStoreT(total, &sums[(group.x * SUBGROUPS + subgroup) * EDGE * EDGE], EDGE);
}
