// The activations of a feed-forward layer, four values at a time.
// A NaN goes through each of them: min, max and clamp may swallow one, so their results never stand alone.

// GELU by tanh: x/2 · (1 + tanh(u)) with u = sqrt(2/π) · (x + 0.044715·x³), written as x / (1 + exp(-2u)).
// Beyond |u| = 15 the quotient is x or 0 to the last bit, and the clamp keeps exp finite.
fn gelu_tanh(x: vec4<f32>) -> vec4<f32> {
    let u = 0.7978845608028654 * x * (1.0 + 0.044715 * x * x);
    return x / (1.0 + exp(-2.0 * clamp(u, vec4<f32>(-15.0), vec4<f32>(15.0))));
}

// erf as an odd rational function z·P(z²)/Q(z²) on |z| <= 4, beyond which erf is ±1 in f32.
fn erf(x: vec4<f32>) -> vec4<f32> {
    let z = clamp(x, vec4<f32>(-4.0), vec4<f32>(4.0));
    let t = z * z;
    var p = -2.72614225801306e-10 * t + 2.77068142495902e-8;
    p = p * t - 2.10102402082508e-6;
    p = p * t - 5.69250639462346e-5;
    p = p * t - 7.34990630326855e-4;
    p = p * t - 2.95459980854025e-3;
    p = p * t - 1.60960333262415e-2;
    var q = -1.45660718464996e-5 * t - 2.13374055278905e-4;
    q = q * t - 1.68282697438203e-3;
    q = q * t - 7.37332916720468e-3;
    q = q * t - 1.42647390514189e-2;
    return select(z * p / q, x, x != x);
}

// GELU by erf: x/2 · (1 + erf(x / sqrt(2))).
fn gelu_erf(x: vec4<f32>) -> vec4<f32> {
    return 0.5 * x * (1.0 + erf(x * 0.7071067811865476));
}

// tanh, with a polynomial where 1 - 2 / (exp(2|x|) + 1) would cancel.
fn hyperbolic_tangent(x: vec4<f32>) -> vec4<f32> {
    let t = x * x;
    var p = -5.70498872745e-3 * t + 2.06390887954e-2;
    p = p * t - 5.37397155531e-2;
    p = p * t + 1.33314422036e-1;
    p = p * t - 3.33332819422e-1;
    let near = x + x * t * p;
    let far = sign(x) * (1.0 - 2.0 / (exp(2.0 * min(abs(x), vec4<f32>(15.0))) + 1.0));
    return select(select(near, far, abs(x) > vec4<f32>(0.625)), x, x != x);
}
