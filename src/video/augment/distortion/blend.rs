//! From one picture towards another and beyond.

/// `from` + `factor`·(`to` − `from`), held to bytes and truncated.
pub(super) fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let (from, to) = (f32::from(from), f32::from(to));
    (from + factor * (to - from)).clamp(0.0, 255.0) as u8
}
