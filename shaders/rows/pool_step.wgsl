{#- What both variants of pooling share: the parameters, the bindings, and how a token enters.

    kind     "mean", "max" or "sum"
    masked   only tokens of valid temporal indices count -#}

struct Parameters {
    sequences: u32,         // of this launch
    tokens: u32,            // of this launch, of each sequence
    width: u32,             // C
    sequence_tokens: u32,   // N
    class_tokens: u32,      // K: always valid, before those of the first temporal index
    tokens_per_time: u32,   // S
    times: u32,             // T
    first_sequence: u32,    // of this launch
    first_token: u32,       // of this launch, in each sequence
    continued: u32,         // 1 where an earlier launch has begun the output
    finished: u32,          // 1 where no later launch goes on with it
    input_base: u32,        // elements bound before the first one needed
    output_base: u32,
    start: f32,             // 0, or −∞ for a maximum (WGSL has no literal for it)
    padding_0: u32,
    padding_1: u32,
}

@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [B, N, C]
@group(0) @binding(2) var<storage, read> validity: array<u32>;      // [B, T]
@group(0) @binding(3) var<storage, read_write> output: array<f32>;  // [B, C]

// The value of a token, or what changes nothing where there is no such token or it does not count.
fn token_value(sequence: u32, token: u32, column: u32) -> f32 {
    if token >= parameters.tokens {
        return parameters.start;
    }
    {% if masked %}
    let place = parameters.first_token + token;
    if place >= parameters.class_tokens {
        let time = (place - parameters.class_tokens) / parameters.tokens_per_time;
        if validity[(parameters.first_sequence + sequence) * parameters.times + time] == 0u {
            return parameters.start;
        }
    }
    {% endif %}
    return input[parameters.input_base + (sequence * parameters.sequence_tokens + token) * parameters.width + column];
}

fn combine(a: f32, b: f32) -> f32 {
    {% if kind == "max" %}
    // A comparison drops a NaN on one side; the bits of one are beyond those of infinity.
    let b_is_nan = (bitcast<u32>(b) & 0x7fffffffu) > 0x7f800000u;
    return select(a, b, b > a || b_is_nan);
    {% else %}
    return a + b;
    {% endif %}
}

{% if kind == "mean" %}
fn valid_tokens(sequence: u32) -> f32 {
    {% if masked %}
    var valid = parameters.class_tokens;
    for (var time = 0u; time < parameters.times; time += 1u) {
        if validity[(parameters.first_sequence + sequence) * parameters.times + time] != 0u {
            valid += parameters.tokens_per_time;
        }
    }
    return f32(valid);
    {% else %}
    return f32(parameters.sequence_tokens);
    {% endif %}
}
{% endif %}

fn finish(sequence: u32, column: u32, pooled: f32) {
    let at = parameters.output_base + sequence * parameters.width + column;
    var value = pooled;
    if parameters.continued == 1u {
        value = combine(output[at], value);
    }
    {% if kind == "mean" %}
    if parameters.finished == 1u {
        value /= valid_tokens(sequence);
    }
    {% endif %}
    output[at] = value;
}
