{#-
    score0 …: ROWS own rows of the operand `owned`, which start at own_row0, …, against four tokens of the operand `other`,
    those from first + 4 · lane on. A tile of 4 · LANES such tokens is staged: what is read once serves all its rows. Of the
    features `depth` quads count: QUADS, or 0 where no score is wanted.
-#}
        for (var i = invocation; i < OTHERS * depth; i += INVOCATIONS) {
            let owner = i % LANES;
            let quad = i / LANES % depth;
            let j = i / (LANES * depth);
            let at = first_other + min(first + 4u * owner + j, call.keys - 1u) * call.input_token;
            tile[quad * OTHERS + j * LANES + owner] = {{ other }}_quad(at, quad);
        }
        workgroupBarrier();

{% for r in range(rows) %}
        var score{{ r }} = vec4<f32>();
{% endfor %}
        for (var quad = 0u; quad < depth; quad += 1u) {
            let at = quad * OTHERS + lane;
{% for j in range(4) %}
            let other{{ j }} = tile[at + {{ j }}u * LANES];
{% endfor %}
{% for r in range(rows) %}
            let own{{ r }} = {{ owned }}_quad(own_row{{ r }}, quad);
            score{{ r }} += vec4(dot(own{{ r }}, other0), dot(own{{ r }}, other1), dot(own{{ r }}, other2), dot(own{{ r }}, other3));
{% endfor %}
        }
{% for r in range(rows) %}
        score{{ r }} *= call.scale;
{% endfor %}
