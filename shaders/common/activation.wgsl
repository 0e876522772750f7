// Activations by code: 0 none, 1 GELU (tanh approximation), 2 GELU (erf), 3 tanh. NaN stays NaN.

fn activate(value: f32, kind: u32) -> f32 {
    switch kind {
        case 1u: { return gelu_tanh(value); }
        case 2u: { return gelu_erf(value); }
        case 3u: { return accurate_tanh(value); }
        default: { return value; }
    }
}

// ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
fn gelu_tanh(x: f32) -> f32 {
    return 0.5 * x * (1.0 + safe_tanh(0.7978845608 * (x + 0.044715 * x * x * x)));
}

// x·Φ(x) = ½·x·(1 + erf(x/√2)). With z = |x|/√2: below 1, erf(z) = z + z·P(z²); from 1 on, erfc(z) = exp(Q(z)),
// so that the small values left of −1 are not a difference of two near 1. P and Q are Chebyshev interpolants of
// degree 7 and 9; with them erf is right to 1.2e-7 of its value, and erfc(6) = 2e-17 is the end of Q's range.
fn gelu_erf(x: f32) -> f32 {
    let z = abs(x) * 0.70710678;
    if z < 1.0 {
        let s = z * z;
        var p = -9.66704556e-6;
        p = p * s + 1.12659596e-4;
        p = p * s - 8.48408032e-4;
        p = p * s + 5.22103161e-3;
        p = p * s - 2.68654302e-2;
        p = p * s + 0.112837821;
        p = p * s - 0.376126379;
        p = p * s + 0.128379167;
        return 0.5 * x * (1.0 + sign(x) * (z + z * p));
    }
    var q = -8.44806394e-8;
    q = q * z + 3.37488677e-6;
    q = q * z - 6.11273936e-5;
    q = q * z + 6.68030074e-4;
    q = q * z - 4.95664962e-3;
    q = q * z + 2.67348439e-2;
    q = q * z - 0.110325225;
    q = q * z - 0.631813288;
    q = q * z - 1.13012577;
    q = q * z + 2.70345947e-4;
    let tail = select(0.0, 0.5 * exp(q), z < 6.0);
    return x * select(1.0 - tail, tail, x < 0.0);
}

// Some drivers' tanh overflows from 44 on; beyond 10 it is ±1 in f32. A clamp may drop a NaN, whose bits are beyond
// those of infinity.
fn safe_tanh(x: f32) -> f32 {
    let is_nan = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
    return select(tanh(clamp(x, -15.0, 15.0)), x, is_nan);
}

// Near zero, where a quotient of exponentials has lost most digits, the Taylor series up to x⁹: its rest is 1e-8 of x.
fn accurate_tanh(x: f32) -> f32 {
    let s = x * x;
    let series = x + x * s * (-1.0 / 3.0 + s * (2.0 / 15.0 + s * (-17.0 / 315.0 + s * (62.0 / 2835.0))));
    return select(safe_tanh(x), series, abs(x) < 0.25);
}
