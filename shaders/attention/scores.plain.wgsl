{#-
    score0 …, seen0 …: the invocation's own token (its quads own0 …, its moment) against `step` tokens of the operand `other`,
    those from `first` on; and whether the one that is a query sees the other.
-#}
{% from "attention/moments.wgsl" import moment, sees %}
{% for j in range(step) %}
        let start{{ j }} = {{ other }}_start(input, first + {{ j }}u);
        let seen{{ j }} = {{ sees(owned, "moment", moment(other, "first + " ~ j ~ "u")) }};
        var products{{ j }} = vec4<f32>();
{% for d in range(quads) %}
        products{{ j }} += own{{ d }} * {{ other }}_quad(start{{ j }}, {{ d }}u);
{% endfor %}
        let score{{ j }} = dot(products{{ j }}, vec4(1.0));
{% endfor %}
