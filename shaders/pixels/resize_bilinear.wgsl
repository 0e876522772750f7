// TensorFlow's bilinear resizing without antialiasing, an invocation an output pixel.
//
//     top = in[y0, x0] + (in[y0, x1] − in[y0, x0])·fraction_x,  bottom likewise of row y1
//     out = ⌊top + (bottom − top)·fraction_y⌋, per channel
//
// To give TensorFlow's bytes each operation has to be rounded to f32 by itself. WGSL lets a compiler contract a·b + c
// into one rounding, and some compilers reorder sums as well; `rounded` stands in their way.

struct Uniform {
    frames: u32,        // F
    height: u32,        // Y
    width: u32,         // X
    rows: u32,          // Y'
    columns: u32,       // X'
    first_input: u32,   // the first frame's pixels in the input
    first_output: u32,  // and in the output
    nothing: u32,       // 0, which no compiler knows
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<u32>;          // [F, Y, X]
@group(0) @binding(2) var<storage, read> row_table: array<u32>;      // [Y', 3]: y0, y1, bits of fraction_y
@group(0) @binding(3) var<storage, read> column_table: array<u32>;   // [X', 3]: x0, x1, bits of fraction_x
@group(0) @binding(4) var<storage, read_write> output: array<u32>;   // [F, Y', X']

const INVOCATIONS: u32 = {{ invocations }}u;

{% include "pixels/pixel.wgsl" %}

// The value, through an integer operation that no float optimisation crosses.
fn rounded(value: vec3<f32>) -> vec3<f32> {
    return bitcast<vec3<f32>>(bitcast<vec3<u32>>(value) ^ vec3(call.nothing));
}

fn between(before: vec3<f32>, after: vec3<f32>, fraction: f32) -> vec3<f32> {
    let distance = rounded(after - before);
    let part = rounded(distance * fraction);
    return rounded(before + part);
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    let frame = index / (call.rows * call.columns);
    if frame >= call.frames {
        return;
    }
    let row = 3u * (index / call.columns % call.rows);
    let column = 3u * (index % call.columns);

    let first = call.first_input + frame * call.height * call.width;
    let upper = first + row_table[row] * call.width;
    let lower = first + row_table[row + 1u] * call.width;
    let left = column_table[column];
    let right = column_table[column + 1u];

    let across = bitcast<f32>(column_table[column + 2u]);
    let top = between(vec3<f32>(channels(input[upper + left])), vec3<f32>(channels(input[upper + right])), across);
    let bottom = between(vec3<f32>(channels(input[lower + left])), vec3<f32>(channels(input[lower + right])), across);
    let value = between(top, bottom, bitcast<f32>(row_table[row + 2u]));
    output[call.first_output + index] = pixel_of(vec3<i32>(value));
}
