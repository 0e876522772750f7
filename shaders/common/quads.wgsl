{#
    read_quad(binding, width, aligned, Quad, half_input): a function <binding>_quad(row, quad) that reads features
    4·quad … 4·quad + 3 of the head that starts at element `row`, as the type Quad; zero beyond the head's width. `aligned`
    where every row starts at a multiple of four elements, `half_input` where these are halves.
#}
{% macro read_quad(binding, width, aligned, Quad="vec4<f32>", half_input=false) %}
fn {{ binding }}_quad(row: u32, quad: u32) -> {{ Quad }} {
{% if aligned %}
    return {{ Quad }}({{ binding }}[row / 4u + quad]);
{% else %}
    return {{ Quad }}(vec4(
{% for c in range(4) %}
        select({{ "f16()" if half_input else "0.0" }}, {{ binding }}[row + min(4u * quad + {{ c }}u, {{ width - 1 }}u)], 4u * quad + {{ c }}u < {{ width }}u),
{% endfor %}
    ));
{% endif %}
}
{% endmacro %}
