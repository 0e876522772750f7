// The gradient of an activation, from what it was applied to.
//
//     out[e] = gradient[e] · activation'(in[e])
//
// Three words are moved for some twenty operations: memory decides, but on a CPU the exponential does.

struct Uniform {
    elements: u32,    // of this launch
    activation: u32,  // see common/activation.wgsl
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // [M, C]: before the activation
@group(0) @binding(2) var<storage, read> gradient: array<f32>;       // [M, C]: of what follows it
@group(0) @binding(3) var<storage, read_write> output: array<f32>;   // [M, C]

{% include "common/activation.wgsl" %}

// Each in a loop of one turn or none, as in `activate`.
fn slope(x: vec4<f32>, kind: u32) -> vec4<f32> {
    var value = vec4(1.0);
{% for code, activation in [[1, "gelu_tanh"], [2, "gelu_erf"], [3, "hyperbolic_tangent"]] %}
    for (var turn = 0u; turn < u32(kind == {{ code }}u); turn += 1u) {
        value = {{ activation }}_slope(x);
    }
{% endfor %}
    return value;
}

// s + x·s·(1 − s)·2u' with s = ½·(1 + tanh u) = 1 / (1 + exp(−2u)) and u = √(2/π)·(x + 0.044715·x³). 1 − s is
// exp(−2u)·s, which keeps its digits. From |u| = 30 on it is 0 or 1 to the last bit of what is around it.
fn gelu_tanh_slope(x: vec4<f32>) -> vec4<f32> {
    let u = 0.7978845608 * x * (1.0 + 0.044715 * x * x);
    let e = exp(-2.0 * clamp(u, vec4(-30.0), vec4(30.0)));
    let s = 1.0 / (1.0 + e);
    let value = s + x * (s * (e * s)) * (1.5957691216 + 0.2140644489 * x * x);
    return select(select(value, vec4(1.0), u > vec4(30.0)), vec4<f32>(), u < vec4(-30.0));
}

// Φ(x) + x·φ(x), φ(x) = exp(−x²/2) / √(2π). From |x| = 13 on the second is too small for a float.
fn gelu_erf_slope(x: vec4<f32>) -> vec4<f32> {
    let share = normal_share(x);
    let value = share + x * (0.39894228 * exp(-0.5 * x * x));
    return select(value, share, abs(x) > vec4(13.0));
}

// 1 − tanh² x = 4·e / (1 + e)² with e = exp(−2|x|).
fn hyperbolic_tangent_slope(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-2.0 * min(abs(x), vec4(43.0)));
    let s = 1.0 / (1.0 + e);
    let is_nan = (bitcast<vec4<u32>>(x) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
    return select(select(4.0 * e * s * s, vec4<f32>(), abs(x) > vec4(43.0)), x, is_nan);
}

fn computed(values: vec4<f32>) -> vec4<f32> {
    return slope(values, call.activation);
}

fn store(element: u32, slope: f32) {
    output[element] = gradient[element] * slope;
}

{% include "rows/elements.wgsl" %}
