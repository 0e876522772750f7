{#- Members of the uniform of pooling and of its gradient: `Tokens` in src/kernels/rows/pool/wgsl.rs. -#}
    sequences: u32,         // of this launch
    tokens: u32,            // of this launch, of each sequence
    width: u32,             // C
    sequence_tokens: u32,   // N
    class_tokens: u32,      // K: always valid, before those of the first temporal index
    tokens_per_time: u32,   // S
    times: u32,             // T
    first_sequence: u32,    // of this launch, and its first token in each sequence
    first_token: u32,
