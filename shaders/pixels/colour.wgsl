// Bytes to pixels, every frame beginning with a word of its own.
//
{% if format == "yuv420p" %}
//     Y = ((8·y − offset)·luma) >> 16      U = 8·u − 1024      V = 8·v − 1024
//     r = clamp(Y + (V·red_v >> 16))
//     g = clamp(Y + (U·green_u >> 16) + (V·green_v >> 16))
//     b = clamp(Y + (U·blue_u >> 16))
//
// A frame holds a plane of y, then one of u and one of v at half its height and width. An invocation turns the 2×2
// pixels that share a u and a v; both sides are even, so two neighbouring y lie in one word.
{% elif format == "rgb24" %}
//     pixel = r | g << 8 | b << 16
//
// A frame holds r, g, b of one pixel after the other. An invocation turns four pixels, which are three words.
{% else %}
//     pixel = r | g << 8 | b << 16
//
// A frame holds a word a pixel, {{ format }} from its lowest byte on; its rows may be longer than X. An invocation turns four
// pixels.
{% endif %}

struct Uniform {
    frames: u32,       // F
    height: u32,       // Y
    width: u32,        // X
    frame_words: u32,  // from the bytes of one frame to the next's
    row_words: u32,    // from one row to the next, where a pixel is a word
    first_word: u32,   // the first frame's bytes
    first_pixel: u32,  // the first frame's pixels
    luma: i32,
    offset: i32,
    red_v: i32,
    green_u: i32,
    green_v: i32,
    blue_u: i32,
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> bytes: array<u32>;         // [F, words of a frame]
@group(0) @binding(2) var<storage, read_write> pixels: array<u32>;  // [F, Y, X]

const INVOCATIONS: u32 = {{ invocations }}u;

{% include "pixels/pixel.wgsl" %}

{% if format == "yuv420p" %}
// The byte at `place` of the frame, with those behind it that share its word above.
fn from_byte(start: u32, place: u32) -> u32 {
    return bytes[start + place / 4u] >> (place % 4u * 8u);
}

fn convert(start: u32, first: u32, block: u32) {
    let plane = call.height * call.width;
    let u = 8 * i32(from_byte(start, plane + block) & 255u) - 1024;
    let v = 8 * i32(from_byte(start, plane + plane / 4u + block) & 255u) - 1024;
    let chroma = vec3(
        (v * call.red_v) >> 16u,
        ((u * call.green_u) >> 16u) + ((v * call.green_v) >> 16u),
        (u * call.blue_u) >> 16u,
    );
    let across = call.width / 2u;
    let corner = 2u * (block / across * call.width + block % across);
    for (var row = 0u; row < 2u; row += 1u) {
        let place = corner + row * call.width;
        let pair = from_byte(start, place);
        let y = vec2<i32>(vec2(pair, pair >> 8u) & vec2(255u));
        let luma = ((8 * y - call.offset) * call.luma) >> vec2(16u);
        pixels[first + place] = pixel_of(luma.x + chroma);
        pixels[first + place + 1u] = pixel_of(luma.y + chroma);
    }
}
{% elif format == "rgb24" %}
fn convert(start: u32, first: u32, block: u32) {
    let place = 4u * block;
    let left = call.height * call.width - place;
    let word = start + 3u * block;
    let last = start + call.frame_words - 1u;
    let words = vec3(bytes[word], bytes[min(word + 1u, last)], bytes[min(word + 2u, last)]);

    pixels[first + place] = words.x & 0xffffffu;
    if left > 1u {
        pixels[first + place + 1u] = (words.x >> 24u) | ((words.y << 8u) & 0xffff00u);
    }
    if left > 2u {
        pixels[first + place + 2u] = (words.y >> 16u) | ((words.z << 16u) & 0xff0000u);
    }
    if left > 3u {
        pixels[first + place + 3u] = words.z >> 8u;
    }
}
{% else %}
fn convert(start: u32, first: u32, block: u32) {
    let end = min(4u * block + 4u, call.height * call.width);
    for (var place = 4u * block; place < end; place += 1u) {
        let word = bytes[start + place / call.width * call.row_words + place % call.width];
{% if format == "bgra8" %}
        pixels[first + place] = ((word >> 16u) & 0xffu) | (word & 0xff00u) | ((word << 16u) & 0xff0000u);
{% else %}
        pixels[first + place] = word & 0xffffffu;
{% endif %}
    }
}
{% endif %}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    let blocks = (call.height * call.width + 3u) / 4u;
    let frame = index / blocks;
    if frame >= call.frames {
        return;
    }
    let start = call.first_word + frame * call.frame_words;
    let first = call.first_pixel + frame * call.height * call.width;
    convert(start, first, index % blocks);
}
