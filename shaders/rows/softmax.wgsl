// Softmax over the last axis, an invocation a row.
//
//     out[m, c] = exp(in[m, c] − max) / Σ_c exp(in[m, c] − max),   max = max_c in[m, c]
//
// For devices that run shaders on the CPU and for those without anything better: no workgroup memory, no subgroups.
// {{ partials }} partial results keep the rounding of a long sum small, and are as many columns a step.

{% include "rows/softmax_maximum.wgsl" %}

struct Uniform {
    rows: u32,   // M
    width: u32,  // C
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [M, C]
@group(0) @binding(2) var<storage, read_write> output: array<f32>;  // [M, C]

fn compute(row: u32) {
    let width = call.width;
    let whole = width - width % {{ partials }}u;
    let first = row * width;

    var largest = input[first];
    for (var c = 0u; c < whole; c += {{ partials }}u) {
        {% for partial in range(partials) %}
        largest = maximum(largest, input[first + c + {{ partial }}u]);
        {% endfor %}
    }
    for (var c = whole; c < width; c += 1u) {
        largest = maximum(largest, input[first + c]);
    }

    {% for partial in range(partials) %}
    var sum_{{ partial }} = 0.0;
    {% endfor %}
    for (var c = 0u; c < whole; c += {{ partials }}u) {
        {% for partial in range(partials) %}
        sum_{{ partial }} += exp(input[first + c + {{ partial }}u] - largest);
        {% endfor %}
    }
    var sum = {% for partial in range(partials) %}{{ " + " if not loop.first }}sum_{{ partial }}{% endfor %};
    for (var c = whole; c < width; c += 1u) {
        sum += exp(input[first + c] - largest);
    }

    let share = share_of(sum, largest);
    for (var c = 0u; c < whole; c += {{ partials }}u) {
        {% for partial in range(partials) %}
        output[first + c + {{ partial }}u] = exp(input[first + c + {{ partial }}u] - largest) * share;
        {% endfor %}
    }
    for (var c = whole; c < width; c += 1u) {
        output[first + c] = exp(input[first + c] - largest) * share;
    }
}

{% include "rows/each_row.wgsl" %}
