{#- How outputs are left in memory: `stored` makes halves of floats where `half_output` says so. #}
{% if half_output %}
// The nearest halves of floats, to even on a tie, as floats: converting these rounds nothing, whichever way a device does.
fn nearest_halves(values: vec4<f32>) -> vec4<f32> {
    let bits = bitcast<vec4<u32>>(values);
    let sign = bits & vec4(0x80000000u);
    let magnitude = bits & vec4(0x7fffffffu);
    var nearest = (magnitude + vec4(0xfffu) + ((magnitude >> vec4(13u)) & vec4(1u))) & vec4(0xffffe000u);
    // Below 2⁻¹⁴ halves are multiples of 2⁻²⁴, as floats are from 0.5 on.
    let multiples = bitcast<vec4<u32>>(bitcast<vec4<f32>>(magnitude) + 0.5) - vec4(0x3f000000u);
    nearest = select(nearest, bitcast<vec4<u32>>(vec4<f32>(multiples) * 5.9604644775390625e-8), magnitude < vec4(0x38800000u));
    // From 65520 on they are infinite; a NaN stays one.
    nearest = select(nearest, vec4(0x7f800000u), magnitude >= vec4(0x477ff000u));
    nearest = select(nearest, vec4(0x7fc00000u), magnitude > vec4(0x7f800000u));
    return bitcast<vec4<f32>>(nearest | sign);
}

fn stored(values: vec4<f32>) -> vec4<f16> {
    return vec4<f16>(nearest_halves(values));
}
{% else %}
fn stored(values: vec4<f32>) -> vec4<f32> {
    return values;
}
{% endif %}
