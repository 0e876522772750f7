{#- The members that the uniform of every attention kernel begins with: `Common` in src/kernels/attention/cut.rs. #}
    queries: u32,          // of each sequence in this launch; in rollout keys are shared out like this
    keys: u32,             // of each sequence
    heads: u32,
    sequences: u32,
    inner_sequences: u32,
    first_query: u32,      // the token of the first query
    class_tokens: u32,     // at the start of each sequence
    tokens_per_time: u32,
    times: u32,            // T
    causal: u32,           // 1: a token sees its own and earlier times only
    validity: u32,         // 1: invalid times are not seen
    validity_base: u32,
    scale: f32,            // D^(−1/2)
    query_base: u32,
    key_base: u32,
    input_outer: u32,
    input_inner: u32,
    input_token: u32,
    input_head: u32,
    output_base: u32,
    row_outer: u32,
    row_inner: u32,
    row_token: u32,
