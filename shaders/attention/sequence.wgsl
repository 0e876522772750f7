// What the attention kernels share: their uniform, and which keys a query sees.
//
// Tokens attend within sequences s = outer · inner_sequences + inner. Feature d of head h of token i lies at
//     base + outer · input_outer + inner · input_inner + i · input_token + h · input_head + d,
// counted in f32 from the start of the binding; the output likewise. That is joint attention (inner_sequences = 1),
// spatial (a sequence a temporal index) and temporal (a sequence a position) without a transpose.

struct Uniform {
    queries: u32,          // of each sequence in this launch
    keys: u32,             // of each sequence
    heads: u32,
    sequences: u32,
    inner_sequences: u32,
    first_query: u32,      // the token of the first query
    groups: u32,
    class_tokens: u32,     // at the start of each sequence
    tokens_per_time: u32,
    times: u32,            // T
    causal: u32,           // 1: a token sees its own and earlier times only
    validity: u32,         // 1: invalid times are not seen
    empty_row: u32,        // a query that sees no key: 0 gives zero, 1 the mean of all values
    scale: f32,            // D^(−1/2)
    query_base: u32,
    key_base: u32,
    value_base: u32,
    output_base: u32,
    input_outer: u32,
    input_inner: u32,
    input_token: u32,
    input_head: u32,
    output_outer: u32,
    output_inner: u32,
    output_token: u32,
    output_head: u32,
    validity_base: u32,
    rows: u32,             // R; this and what follows is for the normaliser and rollout
    weighted: u32,         // 1: rows have weights, and those of weight 0 take no part
    weights_base: u32,
    normaliser_base: u32,
    base_base: u32,
    begin: u32,            // the output begins with: 0 nothing, 1 keep · base, 2 what an earlier launch left
    keep: f32,
    share: f32,            // of each head in the sum
    padding: u32,
}

// Below every score; what an unseen key has.
const LOWEST: f32 = -3.0e38;

// A query sees the keys whose moment is not after its own. Moments of patches are temporal indices.
const CLASS_KEY: u32 = 0xfffffffdu;     // in a causal call, after every patch: through class tokens the future would leak
const CLASS_QUERY: u32 = 0xfffffffeu;   // after every key
const NEVER: u32 = 0xffffffffu;         // after every query

fn time_of(token: u32) -> u32 {
    return (token - call.class_tokens) / call.tokens_per_time;
}

fn query_moment(token: u32) -> u32 {
    if token < call.class_tokens {
        return CLASS_QUERY;
    }
    return time_of(token);
}

fn key_moment(outer: u32, token: u32) -> u32 {
    if token >= call.keys {
        return NEVER;
    }
    if call.causal + call.validity == 0u {
        return 0u;
    }
    if token < call.class_tokens {
        return select(0u, CLASS_KEY, call.causal == 1u);
    }
    let time = time_of(token);
    if call.validity == 1u && validity[call.validity_base + outer * call.times + time] == 0u {
        return NEVER;
    }
    return select(0u, time, call.causal == 1u);
}
