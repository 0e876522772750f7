// The maximum of a softmax's row, and the factor 1 / sum, such that one NaN makes the whole row NaN.

// A comparison drops a NaN on one side, and so may a driver's exp(). The bits of a NaN are above those of infinity.
fn is_nan(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

fn maximum(a: f32, b: f32) -> f32 {
    return select(a, b, b > a || is_nan(b));
}

fn share_of(sum: f32, largest: f32) -> f32 {
    return select(1.0 / sum, largest, is_nan(largest));
}
