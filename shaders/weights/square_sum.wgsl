// The sum of the squares of all elements, a part of them a workgroup: what the norm of a gradient is made of.
//
//     out = addend + Σ in²
//
// A gradient has up to hundreds of millions of elements. Each workgroup adds up a part of them, then one workgroup adds up
// the sums of the parts. The order of all additions follows from the size: the same bits on every run. Neighbouring
// invocations read neighbouring elements, and memory decides. The addend lets a sum run on over many tensors. A square
// beyond the largest float makes the sum infinite, and it stays so.

struct Uniform {
    elements: u32,     // of this launch; in the last, parts
    part: u32,         // elements of a part
    input_start: u32,  // where in the bound input the first part begins
    first_part: u32,   // its number
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;             // [M, C]
@group(0) @binding(2) var<storage, read> addend: array<f32>;            // [1], or none
@group(0) @binding(3) var<storage, read_write> output: array<f32>;      // [1]
@group(0) @binding(4) var<storage, read_write> part_sums: array<f32>;   // [parts]

const INVOCATIONS: u32 = {{ invocations }}u;

{% include "common/workgroup_sum.wgsl" %}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let part = group.x + group.y * groups.x;
    let first = part * call.part;
    if first >= call.elements {
        return;
    }
    let last = min(first + call.part, call.elements);
    var sum = 0.0;
    for (var element = first + lane; element < last; element += INVOCATIONS) {
{% if of_parts %}
        sum += part_sums[element];
{% else %}
        let value = input[call.input_start + element];
        sum += value * value;
{% endif %}
    }
    let total = workgroup_sum(sum, lane);
    if lane == 0u {
{% if of_parts or whole %}
        output[0] = {{ "addend[0] + total" if continued else "total" }};
{% else %}
        part_sums[call.first_part + part] = total;
{% endif %}
    }
}
