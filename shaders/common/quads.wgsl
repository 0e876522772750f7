{#
    read_quad(binding, width, aligned): a function <binding>_quad(row, quad) that reads features 4·quad … 4·quad + 3 of
    the head that starts at element `row`; zero beyond the head's width. `aligned` where every row starts at a multiple
    of four elements.
#}
{% macro read_quad(binding, width, aligned) %}
fn {{ binding }}_quad(row: u32, quad: u32) -> vec4<f32> {
{% if aligned %}
    return {{ binding }}[row / 4u + quad];
{% else %}
    return vec4(
{% for c in range(4) %}
        select(0.0, {{ binding }}[row + min(4u * quad + {{ c }}u, {{ width - 1 }}u)], 4u * quad + {{ c }}u < {{ width }}u),
{% endfor %}
    );
{% endif %}
}
{% endmacro %}
