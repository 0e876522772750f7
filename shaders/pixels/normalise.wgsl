// Pixels to the values of a clip, an invocation a pixel of the crop.
//
//     out[f, p, y, x] = values[p, byte p of in[f, top + y, left + x]], of byte 0 where the picture has no such pixel
//
// Any map of bytes to floats is exact this way, whatever the device's division does.

struct Uniform {
    frames: u32,       // F
    height: u32,       // Y, of the picture
    width: u32,        // X, of the picture
    rows: u32,         // Y', of the crop
    columns: u32,      // X', of the crop
    top: i32,          // the picture's row that is the crop's first
    left: i32,         // the picture's column that is the crop's first
    plane: u32,        // output values from one plane, row, column to the next
    row: u32,
    column: u32,
    first_pixel: u32,  // the first frame's pixels
    first_value: u32,  // the first frame's values
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> pixels: array<u32>;         // [F, Y, X]
@group(0) @binding(2) var<storage, read> values: array<f32>;         // [P, 256]
@group(0) @binding(3) var<storage, read_write> output: array<f32>;   // [F, P, Y', X'] or [F, Y', X', P]

const INVOCATIONS: u32 = {{ invocations }}u;
const PLANES: u32 = 3u;

{% include "pixels/pixel.wgsl" %}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    let crop = call.rows * call.columns;
    let frame = index / crop;
    if frame >= call.frames {
        return;
    }
    let row = index / call.columns % call.rows;
    let column = index % call.columns;

    let y = call.top + i32(row);
    let x = call.left + i32(column);
    var colour = vec3<u32>();
    // Negative positions become large ones.
    if u32(y) < call.height && u32(x) < call.width {
        let place = (frame * call.height + u32(y)) * call.width + u32(x);
        colour = channels(pixels[call.first_pixel + place]);
    }
    let to = call.first_value + PLANES * frame * crop + row * call.row + column * call.column;
    output[to] = values[colour.r];
    output[to + call.plane] = values[256u + colour.g];
    output[to + 2u * call.plane] = values[512u + colour.b];
}
