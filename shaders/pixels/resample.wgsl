// Pillow's resampling along one axis, in integers.
//
//     out[i] = clamp((2²¹ + Σ_k weight[i, k]·in[first[i] + k]) >> 22),  k < count[i], per channel
//
// An invocation computes pixel i of four lines (rows where columns are resampled, columns where rows are), so that a
// weight is read once for four pixels. Neighbouring invocations handle neighbouring columns of the output.

struct Uniform {
    frames: u32,        // F
    lines: u32,
    length: u32,        // N, output pixels of a line
    record: u32,        // words of the table for an output pixel: first, count, weights
    input_frame: u32,   // input pixels from one frame, line, pixel of a line to the next
    input_line: u32,
    input_step: u32,
    output_frame: u32,  // output pixels from one frame, line, pixel of a line to the next
    output_line: u32,
    output_step: u32,
    input_first: u32,   // the first frame's first line in the input
    output_first: u32,  // and in the output
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<u32>;         // [F, Y, X]
@group(0) @binding(2) var<storage, read> table: array<u32>;         // [N, 2 + taps]
@group(0) @binding(3) var<storage, read_write> output: array<u32>;  // [F, Y', N] or [F, N, X']

const INVOCATIONS: u32 = {{ invocations }}u;
const WEIGHT_BITS: u32 = 22u;
const HALF: i32 = 1i << (WEIGHT_BITS - 1u);

{% include "pixels/pixel.wgsl" %}

fn channel(pixels: vec4<u32>, shift: u32) -> vec4<i32> {
    return vec4<i32>((pixels >> vec4(shift)) & vec4(255u));
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    let fours = (call.lines + 3u) / 4u;
    let frame = index / (fours * call.length);
    if frame >= call.frames {
        return;
    }
{% if axis == "x" %}
    let line = index / call.length % fours * 4u;
    let place = index % call.length;
{% else %}
    let line = index % fours * 4u;
    let place = index / fours % call.length;
{% endif %}

    let record = place * call.record;
    let first = table[record];
    let count = table[record + 1u];
    let start = call.input_first + frame * call.input_frame + first * call.input_step;
    // Beyond the last line the last is repeated and not written.
    let lines = min(vec4(line) + vec4(0u, 1u, 2u, 3u), vec4(call.lines - 1u));
    let starts = vec4(start) + lines * call.input_line;

    var red = vec4(HALF);
    var green = vec4(HALF);
    var blue = vec4(HALF);
    for (var k = 0u; k < count; k += 1u) {
        let weight = bitcast<i32>(table[record + 2u + k]);
        let at = starts + vec4(k * call.input_step);
        let pixels = vec4(input[at.x], input[at.y], input[at.z], input[at.w]);
        red += weight * channel(pixels, 0u);
        green += weight * channel(pixels, 8u);
        blue += weight * channel(pixels, 16u);
    }
    red >>= vec4(WEIGHT_BITS);
    green >>= vec4(WEIGHT_BITS);
    blue >>= vec4(WEIGHT_BITS);

    let to = call.output_first + frame * call.output_frame + line * call.output_line
        + place * call.output_step;
    let left = call.lines - line;
{% for four in range(4) %}
    if left > {{ four }}u {
        output[to + {{ four }}u * call.output_line] = pixel_of(vec3(red[{{ four }}], green[{{ four }}], blue[{{ four }}]));
    }
{% endfor %}
}
