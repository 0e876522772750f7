// Softmax over the last axis, a workgroup a row.
//
//     out[m, c] = exp(in[m, c] − max) / Σ_c exp(in[m, c] − max),   max = max_c in[m, c]
//
// For GPUs: neighbouring invocations read neighbouring columns; maximum and sum are folded in workgroup memory.

{% include "rows/softmax_maximum.wgsl" %}

struct Uniform {
    rows: u32,   // M
    width: u32,  // C
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [M, C]
@group(0) @binding(2) var<storage, read_write> output: array<f32>;  // [M, C]

{% include "common/workgroup_sum.wgsl" %}

fn workgroup_maximum(value: f32, lane: u32) -> f32 {
    partial_sums[lane] = value;
    workgroupBarrier();
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        if lane < half {
            partial_sums[lane] = maximum(partial_sums[lane], partial_sums[lane + half]);
        }
        workgroupBarrier();
    }
    let largest = partial_sums[0];
    workgroupBarrier();
    return largest;
}

fn compute(row: u32, lane: u32) {
    let width = call.width;
    let first = row * width;

    var largest = input[first];
    for (var c = lane; c < width; c += INVOCATIONS) {
        largest = maximum(largest, input[first + c]);
    }
    largest = workgroup_maximum(largest, lane);

    var sum = 0.0;
    for (var c = lane; c < width; c += INVOCATIONS) {
        sum += exp(input[first + c] - largest);
    }
    let share = share_of(workgroup_sum(sum, lane), largest);

    for (var c = lane; c < width; c += INVOCATIONS) {
        output[first + c] = exp(input[first + c] - largest) * share;
    }
}

{% include "rows/each_row.workgroup.wgsl" %}
