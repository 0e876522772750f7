{#- The lane's own rows, tokens token0 … of the operand `owned`, times `factor`, into workgroup memory. -#}
{% from "attention/chunk.subgroup.wgsl" import part %}
    for (var chunk = 0u; chunk < {{ chunks }}u; chunk++) {
{% for c in range(own) %}
        let own{{ c }} = {{ owned }}_at({{ owned }}_start(input, token{{ c }}), chunk);
{% endfor %}
{% for f in range(0, chunk, 2) %}
        rows[(chunk * {{ chunk // 2 }}u + {{ f // 2 }}u) * {{ S }}u + lane] = pack(Pair(
{% for g in [f, f + 1] %}
            {{ factor }} * {{ Row }}({% for c in range(own) %}{{ part("own" ~ c, g, wide) }}{{ ", " if not loop.last }}{% endfor %}),
{% endfor %}
        ));
{% endfor %}
    }
