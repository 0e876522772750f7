// Adds a share of a gradient to the sum of those before it, an invocation an element.
//
//     sum ← keep·sum + share·factor·gradient
//
// keep is 0 for the first gradient of a sum, which forgets whatever was there, and 1 for the others. It and the factor, which
// clips the gradient, are operands of one element, for they change from one gradient to the next. Memory decides.

struct Uniform {
    elements: u32,  // of this launch
    share: f32,
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;   // [M, C]
@group(0) @binding(2) var<storage, read> keep: array<f32>;       // [1]
@group(0) @binding(3) var<storage, read> factor: array<f32>;     // [1], or none
@group(0) @binding(4) var<storage, read_write> sum: array<f32>;  // [M, C]

fn update(element: u32) {
{% if clipped %}
    let share = call.share * factor[0];
{% else %}
    let share = call.share;
{% endif %}
    var added = share * gradient[element];
    // Not a product by 0: what was there may be NaN.
    if keep[0] != 0.0 {
        added += keep[0] * sum[element];
    }
    sum[element] = added;
}

{% include "weights/elements.wgsl" %}
