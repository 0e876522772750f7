// The weight as it is stored: in panels of columns, four columns of a row beside one another (wide: of two rows).

{% if half_input and not wide %}
@group(0) @binding(2) var<storage, read> weight: array<vec4<f16>>;  // [N, K] in panels
{% elif half %}
// Halves, two a word; f32 holds every half exactly.
@group(0) @binding(2) var<storage, read> weight: array<{{ "vec4<u32>" if wide else "vec2<u32>" }}>;  // [N, K] in panels

fn widened(halves: vec2<u32>) -> vec4<f32> {
    return vec4(unpack2x16float(halves.x), unpack2x16float(halves.y));
}
{% else %}
@group(0) @binding(2) var<storage, read> weight: array<{{ "vec4<u64>" if wide else "vec4<f32>" }}>;  // [N, K] in panels
{% endif %}

{% if not wide %}
fn weight_at(place: u32) -> Quad {
    return {{ "widened(weight[place])" if half and not half_input else "Quad(weight[place])" }};
}
{% endif %}
