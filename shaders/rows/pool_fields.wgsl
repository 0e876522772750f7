{#- Members of the uniform of pooling and of its gradient. #}
    sequences: u32,         // of this launch
    tokens: u32,            // of this launch, of each sequence
    width: u32,             // C
    sequence_tokens: u32,   // N
    class_tokens: u32,      // K: always valid, before those of the first temporal index
    tokens_per_time: u32,   // S
    times: u32,             // T
    first_sequence: u32,    // of this launch
    first_token: u32,       // of this launch, in each sequence
