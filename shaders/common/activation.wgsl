// Activations by code, four values at a time: 0 none, 1 GELU (tanh approximation), 2 GELU (erf), 3 tanh.
// Each gives NaN for NaN: min, max and clamp may drop one, so their results are never used alone.

// Each in a loop of one turn or none: devices that run both sides of a branch leave an idle loop at once.
fn activate(x: vec4<f32>, kind: u32) -> vec4<f32> {
    var value = x;
{% for code, activation in [[1, "gelu_tanh"], [2, "gelu_erf"], [3, "hyperbolic_tangent"]] %}
    for (var turn = 0u; turn < u32(kind == {{ code }}u); turn += 1u) {
        value = {{ activation }}(value);
    }
{% endfor %}
    return value;
}

// ½·x·(1 + tanh(u)) with u = √(2/π)·(x + 0.044715·x³), written as x / (1 + exp(−2u)). The clamp keeps exp finite; left of
// it the result is 0 to the last bit of what is around it.
fn gelu_tanh(x: vec4<f32>) -> vec4<f32> {
    let u = 0.7978845608 * x * (1.0 + 0.044715 * x * x);
    let value = x / (1.0 + exp(-2.0 * clamp(u, vec4(-15.0), vec4(15.0))));
    return select(value, vec4<f32>(), u < vec4(-15.0));
}

fn gelu_erf(x: vec4<f32>) -> vec4<f32> {
    return x * normal_share(x);
}

// Φ(x) = ½·(1 + erf(x/√2)). With z = |x|/√2: below 1, erf(z) = z + z·P(z²); from 1 on, erfc(z) = exp(Q(z)),
// so that the small values left of −1 are not a difference of two near 1. P and Q are Chebyshev interpolants of
// degree 7 and 9; with them erf is right to 1.2e-7 of its value, and erfc(6) = 2e-17 is the end of Q's range.
// For NaN it may be anything: whoever uses it multiplies it by x, or adds such a product.
fn normal_share(x: vec4<f32>) -> vec4<f32> {
    let z = abs(x) * 0.70710678;
    let s = z * z;
    var p = -9.66704556e-6 * s + 1.12659596e-4;
    p = p * s - 8.48408032e-4;
    p = p * s + 5.22103161e-3;
    p = p * s - 2.68654302e-2;
    p = p * s + 0.112837821;
    p = p * s - 0.376126379;
    p = p * s + 0.128379167;
    let near = 0.5 * (1.0 + sign(x) * (z + z * p));
    let bounded = min(z, vec4(6.0));
    var q = -8.44806394e-8 * bounded + 3.37488677e-6;
    q = q * bounded - 6.11273936e-5;
    q = q * bounded + 6.68030074e-4;
    q = q * bounded - 4.95664962e-3;
    q = q * bounded + 2.67348439e-2;
    q = q * bounded - 0.110325225;
    q = q * bounded - 0.631813288;
    q = q * bounded - 1.13012577;
    q = q * bounded + 2.70345947e-4;
    let tail = select(vec4<f32>(), 0.5 * exp(q), z < vec4(6.0));
    let far = select(1.0 - tail, tail, x < vec4<f32>());
    return select(far, near, z < vec4(1.0));
}

// tanh(x): near zero, where a quotient of exponentials has lost most digits, a polynomial; beyond 15 it is ±1 in f32.
fn hyperbolic_tangent(x: vec4<f32>) -> vec4<f32> {
    let s = x * x;
    var p = -5.70498872745e-3 * s + 2.06390887954e-2;
    p = p * s - 5.37397155531e-2;
    p = p * s + 1.33314422036e-1;
    p = p * s - 3.33332819422e-1;
    let near = x + x * s * p;
    let far = sign(x) * (1.0 - 2.0 / (exp(2.0 * min(abs(x), vec4(15.0))) + 1.0));
    // The bits of a NaN are above those of infinity.
    let is_nan = (bitcast<vec4<u32>>(x) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
    return select(select(near, far, abs(x) > vec4(0.625)), x, is_nan);
}
