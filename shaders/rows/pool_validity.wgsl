{#- Which tokens of a sequence are pooled. The including file declares `call`, with rows/pool_fields.wgsl, and `validity`.

    kind     "mean" where their number is asked for
    masked   only tokens of valid temporal indices count #}

// Whether a token of this launch counts.
fn counts(sequence: u32, token: u32) -> bool {
    {% if masked %}
    let place = call.first_token + token;
    if place >= call.class_tokens {
        let time = (place - call.class_tokens) / call.tokens_per_time;
        return validity[(call.first_sequence + sequence) * call.times + time] != 0u;
    }
    {% endif %}
    return true;
}

{% if kind == "mean" %}
fn valid_tokens(sequence: u32) -> f32 {
    {% if masked %}
    var valid = call.class_tokens;
    for (var time = 0u; time < call.times; time += 1u) {
        if validity[(call.first_sequence + sequence) * call.times + time] != 0u {
            valid += call.tokens_per_time;
        }
    }
    return f32(valid);
    {% else %}
    return f32(call.sequence_tokens);
    {% endif %}
}
{% endif %}
