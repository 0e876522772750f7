{#- What becomes of the sums of a product of columns: `output` is [columns, inner], an array of quads where `aligned`. #}
// Sums of later rows are added to those of earlier launches.
{% if aligned %}
fn store(column: u32, k: u32, sums: vec4<f32>) {
    if column >= call.columns || k >= call.inner {
        return;
    }
    let at = (call.output_start + column * call.inner + k) / 4u;
    var value = sums;
    if call.continued == 1u {
        value += output[at];
    }
    output[at] = value;
}
{% else %}
fn store(column: u32, k: u32, sums: vec4<f32>) {
    if column >= call.columns {
        return;
    }
    let at = call.output_start + column * call.inner + k;
{% for c in range(4) %}
    if k + {{ c }}u < call.inner {
        var value = sums[{{ c }}];
        if call.continued == 1u {
            value += output[at + {{ c }}u];
        }
        output[at + {{ c }}u] = value;
    }
{% endfor %}
}
{% endif %}
