{#-
    How the attention kernels of software devices read operands, and keep what a loop has to index: in workgroup memory, where
    each lane reads what it wrote itself.

    S lanes; own rows a lane, of type Row; chunk: features of a step, of which a head has `chunks`; operands: the names of
    the bindings to read; width; aligned; wide: two f32 are loaded as one 64-bit word; half_input: operands are halves, wide
    ones two a word of 32 bits.
-#}

// A lane's rows at two consecutive features, or its scores against two consecutive tokens.
struct Pair {
    even: {{ Row }},
    odd: {{ Row }},
}
{% if wide %}
alias Packed = vec{{ own }}<u64>;

fn pack(pair: Pair) -> Packed {
    return Packed(bitcast<vec{{ own }}<u32>>(pair.even)) | (Packed(bitcast<vec{{ own }}<u32>>(pair.odd)) << vec{{ own }}<u32>(32u));
}

fn unpack(packed: Packed) -> Pair {
    return Pair(bitcast<{{ Row }}>(vec{{ own }}<u32>(packed)), bitcast<{{ Row }}>(vec{{ own }}<u32>(packed >> vec{{ own }}<u32>(32u))));
}
{% else %}
alias Packed = Pair;

fn pack(pair: Pair) -> Packed {
    return pair;
}

fn unpack(packed: Packed) -> Pair {
    return packed;
}
{% endif %}
// Some consecutive features of a token.
struct Chunk {
    even: vec4<f32>,
{% if wide %}
    odd: vec4<f32>,
{% endif %}
}
{% for operand in operands %}
fn {{ operand }}_at(token: u32, chunk: u32) -> Chunk {
{% if wide and half_input %}
    let halves = {{ operand }}[token / 8u + chunk];
{% for w in "xyzw" %}
    let pair_{{ w }} = unpack2x16float(halves.{{ w }});
{% endfor %}
    return Chunk(vec4(pair_x.x, pair_y.x, pair_z.x, pair_w.x), vec4(pair_x.y, pair_y.y, pair_z.y, pair_w.y));
{% elif wide %}
    let pairs = {{ operand }}[token / 8u + chunk];
    return Chunk(bitcast<vec4<f32>>(vec4<u32>(pairs)), bitcast<vec4<f32>>(vec4<u32>(pairs >> vec4<u32>(32u))));
{% elif aligned %}
    return Chunk(vec4<f32>({{ operand }}[token / 4u + chunk]));
{% else %}
    return Chunk(vec4<f32>(
{% for c in range(4) %}
        select(0.0, f32({{ operand }}[token + min(chunk * 4u + {{ c }}u, {{ width - 1 }}u)]), chunk * 4u + {{ c }}u < {{ width }}u),
{% endfor %}
    ));
{% endif %}
}
{% endfor %}
