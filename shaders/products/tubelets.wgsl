// Where the elements of a tubelet lie in a clip. The including file declares `call`, with products/tubelet_fields.wgsl and
// `inner`.

// Where the tubelet at a token row and a token column begins.
fn tubelet_start(clip_index: u32, time: u32, place: vec2<u32>) -> u32 {
    return call.clip_start
        + clip_index * call.clip_stride
        + time * call.tubelet_frames * call.frame_stride
        + place.x * call.tubelet_rows * call.row_stride
        + place.y * call.tubelet_columns * call.column_stride;
}

// ⌊a / b⌋ for a below 2²⁰, in floats: CPUs have no division for vectors of integers.
fn quotient(a: vec4<u32>, b: u32) -> vec4<u32> {
    return vec4<u32>((vec4<f32>(a) + 0.5) / f32(b));
}

// The places of elements k … k+3 behind the first one, any place of the tubelet for those beyond the last. k counts the
// planes, frames, rows and columns of a tubelet, columns fastest.
fn tubelet_places(k: u32) -> vec4<u32> {
    let steps = min(k + vec4(0u, 1u, 2u, 3u), vec4(call.inner - 1u));
    let rows = quotient(steps, call.tubelet_columns);
    let frames = quotient(rows, call.tubelet_rows);
    let planes = quotient(frames, call.tubelet_frames);
    return planes * call.plane_stride
        + (frames - planes * call.tubelet_frames) * call.frame_stride
        + (rows - frames * call.tubelet_rows) * call.row_stride
        + (steps - rows * call.tubelet_columns) * call.column_stride;
}
