// The statistics of a row whose softmax has peak = m and total = l: both, or 0 where it saw no key. Where the total is
// NaN the peak is too: a maximum may have dropped the NaN.
fn statistics_of(peak: f32, total: f32) -> vec2<f32> {
    let is_nan = (bitcast<u32>(total) & 0x7fffffffu) > 0x7f800000u;
    return select(vec2(select(peak, total, is_nan), total), vec2<f32>(), total == 0.0);
}
