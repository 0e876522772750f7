{#- What both variants of pooling share: the uniform, the bindings, and how a token enters.

    kind     "mean", "max" or "sum"
    masked   only tokens of valid temporal indices count -#}

struct Uniform {
{% include "rows/pool_fields.wgsl" %}
    continued: u32,         // 1 where an earlier launch has begun the output
    finished: u32,          // 1 where no later launch goes on with it
    input_base: u32,        // elements bound before the first one needed
    output_base: u32,
    start: f32,             // 0, or −∞ for a maximum (WGSL has no literal for it)
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [B, N, C]
@group(0) @binding(2) var<storage, read> validity: array<u32>;      // [B, T]
@group(0) @binding(3) var<storage, read_write> output: array<f32>;  // [B, C]

{% include "rows/pool_validity.wgsl" %}

// The value of a token, or `start`, which changes nothing, where there is no such token or it does not count.
fn token_value(sequence: u32, token: u32, column: u32) -> f32 {
    if token >= call.tokens || !counts(sequence, token) {
        return call.start;
    }
    return input[call.input_base + (sequence * call.sequence_tokens + token) * call.width + column];
}

fn combine(a: f32, b: f32) -> f32 {
    {% if kind == "max" %}
    // A comparison drops a NaN on one side; the bits of one are above those of infinity.
    let b_is_nan = (bitcast<u32>(b) & 0x7fffffffu) > 0x7f800000u;
    return select(a, b, b > a || b_is_nan);
    {% else %}
    return a + b;
    {% endif %}
}

fn finish(sequence: u32, column: u32, pooled: f32) {
    let at = call.output_base + sequence * call.width + column;
    var value = pooled;
    if call.continued == 1u {
        value = combine(output[at], value);
    }
    {% if kind == "mean" %}
    if call.finished == 1u {
        value /= valid_tokens(sequence);
    }
    {% endif %}
    output[at] = value;
}
