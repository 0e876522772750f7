// Softmax cross entropy of one head and its gradient, an invocation a row. A head has a range of the row's classes.
//
//     loss[m] = −share · Σ_k y[k] · log p[k] (+ those of earlier heads),   gradient[m, k] = share · (p[k] · Σ_k y − y[k])
//     p = softmax_k(logits),   y = (1 − smoothing) · target + smoothing / K
//
// With l = Σ exp(logit − max), −log p[k] is max − logit[k] + log l. Rows are few, a clip each, and classes some hundreds:
// nothing to be fast at.

{% include "rows/softmax_maximum.wgsl" %}

struct Uniform {
    rows: u32,          // M of this launch
    classes: u32,       // K of this head
    row_classes: u32,   // those of all heads
    heads: u32,         // H
    head: u32,          // this one's number
    smoothing: f32,
    share: f32,
    row_start: u32,     // the first row of this launch
    logits_start: u32,  // where in the bound logits, targets and gradients this head's part of it begins
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> logits: array<f32>;          // [M, Σ K]
@group(0) @binding(2) var<storage, read> targets: array<f32>;         // [M, Σ K], or none
@group(0) @binding(3) var<storage, read> labels: array<u32>;          // [M, H], or none
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;      // [M]
@group(0) @binding(5) var<storage, read_write> gradient: array<f32>;  // [M, Σ K]

fn target_of(row: u32, class_index: u32, first: u32) -> f32 {
{% if labelled %}
    return select(0.0, 1.0, labels[(call.row_start + row) * call.heads + call.head] == class_index);
{% else %}
    return targets[first + class_index];
{% endif %}
}

fn compute(row: u32) {
    let first = call.logits_start + row * call.row_classes;
    var largest = logits[first];
    for (var k = 1u; k < call.classes; k += 1u) {
        largest = maximum(largest, logits[first + k]);
    }
    var total = 0.0;
    for (var k = 0u; k < call.classes; k += 1u) {
        total += exp(logits[first + k] - largest);
    }
    let factor = share_of(total, largest);
    // What smoothing adds is the same for all classes: it is multiplied once, not added up, which would round one way.
    var targeted = 0.0;
    var distance = 0.0;
    var distances = 0.0;
    for (var k = 0u; k < call.classes; k += 1u) {
        let wanted = target_of(row, k, first);
        targeted += wanted;
        distance += wanted * (largest - logits[first + k]);
        distances += largest - logits[first + k];
    }
    let rest = 1.0 - call.smoothing;
    let spread = call.smoothing / f32(call.classes);
    let sum = rest * targeted + call.smoothing;
    let whole = select(rest * distance + spread * distances + sum * log(total), largest, is_nan(largest));
    let earlier = select(0.0, loss[call.row_start + row], call.head > 0u);
    loss[call.row_start + row] = earlier + call.share * whole;
    for (var k = 0u; k < call.classes; k += 1u) {
        let probability = exp(logits[first + k] - largest) * factor;
        gradient[first + k] = call.share * (probability * sum - (rest * target_of(row, k, first) + spread));
    }
}

{% include "rows/each_row.wgsl" %}
