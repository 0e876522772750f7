// Sigmoid cross entropy and its gradient, an invocation a row.
//
//     loss[m] = −share · Σ_k (y·log σ(z) + (1 − y)·log(1 − σ(z))),   gradient[m, k] = share · (σ(z) − y)
//     σ(z) = 1 / (1 + exp(−z)),   z = logits[m, k],   y = (1 − smoothing) · target + smoothing / K
//
// With e = exp(−|z|), and miss what y lacks of the class that the sign of z says (1 − y where z ≥ 0, else y), an element's
// loss is |z|·miss + log(1 + e) and its gradient ±(miss − e / (1 + e)): no large numbers cancel, and what is nearly right
// keeps its digits. Rows are few, a clip each, and classes some hundreds: nothing to be fast at.

{% include "rows/softmax_maximum.wgsl" %}

struct Uniform {
    rows: u32,          // M of this launch
    classes: u32,       // K
    smoothing: f32,
    share: f32,
    row_start: u32,     // the first row of this launch
    logits_start: u32,  // where in the bound logits, targets and gradients it begins
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> logits: array<f32>;          // [M, K]
@group(0) @binding(2) var<storage, read> targets: array<f32>;         // [M, K]
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;      // [M]
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>;  // [M, K]

// log(1 + e) = 2·artanh(s), s = e / (2 + e), for e from 0 to 1: the series to s¹⁵, to 2e-9.
fn log_of_one_and(e: f32) -> f32 {
    let s = e / (2.0 + e);
    let t = s * s;
    var series = 1.0 / 15.0;
{% for odd in [13, 11, 9, 7, 5, 3, 1] %}
    series = series * t + 1.0 / {{ odd }}.0;
{% endfor %}
    return 2.0 * s * series;
}

fn compute(row: u32) {
    let first = call.logits_start + row * call.classes;
    let spread = call.smoothing / f32(call.classes);
    var whole = 0.0;
    for (var k = 0u; k < call.classes; k += 1u) {
        let z = logits[first + k];
        let y = (1.0 - call.smoothing) * targets[first + k] + spread;
        let miss = select(y, 1.0 - y, z >= 0.0);
        let e = exp(-abs(z));
        let difference = miss - e / (1.0 + e);
        whole += select(abs(z) * miss + log_of_one_and(e), z, is_nan(z));
        gradient[first + k] = call.share * select(select(-difference, difference, z >= 0.0), z, is_nan(z));
    }
    loss[call.row_start + row] = call.share * whole;
}

{% include "rows/each_row.wgsl" %}
