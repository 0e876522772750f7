// Sums begin with the bias of their columns, so that it is loaded once for all rows; without a bias they begin with 0.

fn first_sums(column: u32) -> vec4<f32> {
    if call.bias == 0u {
        return vec4<f32>();
    }
{% if aligned %}
    return bias[min(column, call.columns - 1u) / 4u];
{% else %}
    let at = min(column + vec4(0u, 1u, 2u, 3u), vec4(call.columns - 1u));
    return vec4(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);
{% endif %}
}
