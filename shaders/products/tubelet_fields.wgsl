{#- Members of the uniform of every kernel that reads tubelets from clips: `Tubelets` in
    src/kernels/products/tubelet_embed/cut.rs. -#}
    times: u32,            // temporal indices of a clip
    token_rows: u32,       // ⌊Y / h⌋
    token_columns: u32,    // ⌊X / w⌋
    tubelet_frames: u32,   // t
    tubelet_rows: u32,     // h
    tubelet_columns: u32,  // w
    clip_start: u32,       // where in the bound clips the first token begins
    clip_stride: u32,      // from a clip to the next in elements; likewise the others
    frame_stride: u32,
    row_stride: u32,
    column_stride: u32,
    plane_stride: u32,
