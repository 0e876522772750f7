// What the attention kernels share: who does what, the offsets of queries, keys and rows, and which keys a query sees.
//
// Tokens attend within sequences s = outer · inner_sequences + inner. Feature d of head h of token i lies at
//     base + outer · input_outer + inner · input_inner + i · input_token + h · input_head + d,
// counted in f32 from the start of the binding. What is written about the token goes to the output's row
//     outer · row_outer + inner · row_inner + i · row_token.
// That is joint attention (inner_sequences = 1), spatial (a sequence a temporal index) and temporal (a sequence a position)
// without a transpose.

// What one invocation or workgroup does: a run of queries of one head of one sequence.
struct Task {
    run: u32,
    head: u32,
    sequence: u32,   // from call.sequences on there is nothing to do
    outer: u32,
    inner: u32,
}

// Tasks are numbered run by run, then head by head, then sequence by sequence.
fn task_of(number: u32, runs: u32, heads: u32) -> Task {
    let sequence = number / runs / heads;
    return Task(
        number % runs,
        number / runs % heads,
        sequence,
        sequence / call.inner_sequences,
        sequence % call.inner_sequences,
    );
}

// The token of a query of the launch; those beyond the last repeat it and are not stored.
fn token_of(query: u32) -> u32 {
    return call.first_query + min(query, call.queries - 1u);
}

// Offset of a head's features for the sequence's first token, without the base.
fn input_of(task: Task, head: u32) -> u32 {
    return task.outer * call.input_outer + task.inner * call.input_inner + head * call.input_head;
}

// Offset of a token's features; tokens beyond the last repeat it.
fn query_start(input: u32, token: u32) -> u32 {
    return call.query_base + input + min(token, call.keys - 1u) * call.input_token;
}

fn key_start(input: u32, token: u32) -> u32 {
    return call.key_base + input + min(token, call.keys - 1u) * call.input_token;
}

// The output's row for a token.
fn row_of(task: Task, token: u32) -> u32 {
    return task.outer * call.row_outer + task.inner * call.row_inner + token * call.row_token;
}

// Below every score; the score of an unseen key.
const LOWEST: f32 = -3.0e38;

// A query sees the keys whose moment is not after its own. A patch's moment is its temporal index + 1.
const BLIND: u32 = 0u;                  // a query before every key
const CLASS_KEY: u32 = 0xfffffffcu;     // in a causal call, after every patch: through class tokens the future would leak
const CLASS_QUERY: u32 = 0xfffffffdu;   // after every key that is valid
const INVALID: u32 = 0xfffffffeu;       // a key of an invalid time; as a query it sees all keys
const BEYOND: u32 = 0xffffffffu;        // behind the last key

fn time_of(token: u32) -> u32 {
    return (token - call.class_tokens) / call.tokens_per_time;
}

fn query_moment(token: u32) -> u32 {
    if token < call.class_tokens {
        return CLASS_QUERY;
    }
    return time_of(token) + 1u;
}

fn key_moment(task: Task, token: u32) -> u32 {
    if token >= call.keys {
        return BEYOND;
    }
    if call.causal + call.validity == 0u {
        return 1u;
    }
    if token < call.class_tokens {
        return select(1u, CLASS_KEY, call.causal == 1u);
    }
    let time = time_of(token);
    if call.validity == 1u && validity[call.validity_base + task.outer * call.times + time] == 0u {
        return INVALID;
    }
    return select(1u, time + 1u, call.causal == 1u);
}
