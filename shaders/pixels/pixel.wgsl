// Pixels are words: r | g << 8 | b << 16.

fn channels(pixel: u32) -> vec3<u32> {
    return (vec3(pixel) >> vec3(0u, 8u, 16u)) & vec3(255u);
}

fn pixel_of(channels: vec3<i32>) -> u32 {
    let bytes = vec3<u32>(clamp(channels, vec3(0), vec3(255)));
    return bytes.r | (bytes.g << 8u) | (bytes.b << 16u);
}
