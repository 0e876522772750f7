// Dropout: an element is 0 with probability p, and is divided by 1 − p where it is not.
//
//     out[b, e] = in[b, e] · scale, or 0 where threefry(keys[b], [e, draw]) < threshold = p·2³²
//
// An element has a block of random words of its own: whoever computes it, and however often, finds the same.

struct Uniform {
    elements: u32,    // of this launch
    length: u32,      // elements of a clip
    start: u32,       // where in its clip the first element of this launch lies
    first_clip: u32,  // that clip
    draw: u32,        // which dropout of the model this is
    threshold: u32,   // an element whose word is below this is dropped
    scale: f32,       // 1 / (1 − p)
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // [B·M, C]
@group(0) @binding(2) var<storage, read> keys: array<u32>;           // [B, 2]
@group(0) @binding(3) var<storage, read_write> output: array<f32>;   // [B·M, C]

fn computed(values: vec4<f32>) -> vec4<f32> {
    return values * call.scale;
}

fn store(element: u32, value: f32) {
    let place = call.start + element;
    let clip = call.first_clip + place / call.length;
    let is_dropped = random_word(keys[2u * clip], keys[2u * clip + 1u], place % call.length) < call.threshold;
    output[element] = select(value, 0.0, is_dropped);
}

// The first word of Threefry-2x32 with 20 rounds, of number [number, draw]. Four rounds follow each other between two
// parts of the key; the key has three parts, the last of which keeps it from being all zero.
fn random_word(first: u32, second: u32, number: u32) -> u32 {
    let third = 0x1bd11bdau ^ first ^ second;
    var x = number + first;
    var y = call.draw + second;
{% for rotations, of_x, of_y, turn in [
    [[13, 15, 26, 6], "second", "third", 1],
    [[17, 29, 16, 24], "third", "first", 2],
    [[13, 15, 26, 6], "first", "second", 3],
    [[17, 29, 16, 24], "second", "third", 4],
    [[13, 15, 26, 6], "third", "first", 5]] %}
{% for left in rotations %}
    x += y;
    y = ((y << {{ left }}u) | (y >> {{ 32 - left }}u)) ^ x;
{% endfor %}
    x += {{ of_x }};
    y += {{ of_y }} + {{ turn }}u;
{% endfor %}
    return x;
}

{% include "rows/elements.wgsl" %}
