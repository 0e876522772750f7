{#-
    score0 …, seen0 …: the invocation's own tokens token0 … of the operand `owned` against four tokens of the operand `other`,
    those from first + 4 · lane on; and whether the one that is a query sees the other. A tile of 4 · LANES such tokens is staged:
    what is read once serves all its rows. A score is of `depth` quads of features: QUADS, or 0 where none is needed.
-#}
{% from "attention/moments.wgsl" import moment, sees %}
        for (var i = invocation; i < OTHERS; i += INVOCATIONS) {
            moments[i] = {{ moment(other, "first + i") }};
        }
        for (var i = invocation; i < OTHERS * depth; i += INVOCATIONS) {
            let owner = i % LANES;
            let quad = i / LANES % depth;
            let j = i / (LANES * depth);
            tile[quad * OTHERS + j * LANES + owner] = {{ other }}_quad({{ other }}_start(input, first + 4u * owner + j), quad);
        }
        workgroupBarrier();

{% for r in range(rows) %}
        let own_start{{ r }} = {{ owned }}_start(input, token{{ r }});
        var score{{ r }} = vec4<f32>();
{% endfor %}
        for (var quad = 0u; quad < depth; quad += 1u) {
            let at = quad * OTHERS + lane;
{% for j in range(4) %}
            let other{{ j }} = vec4<f32>(tile[at + {{ j }}u * LANES]);
{% endfor %}
{% for r in range(rows) %}
            let own{{ r }} = {{ owned }}_quad(own_start{{ r }}, quad);
            score{{ r }} += vec4(dot(own{{ r }}, other0), dot(own{{ r }}, other1), dot(own{{ r }}, other2), dot(own{{ r }}, other3));
{% endfor %}
        }
        let other_moments = vec4({% for j in range(4) %}moments[4u * lane + {{ j }}u]{{ ", " if not loop.last }}{% endfor %});
{% for r in range(rows) %}
        score{{ r }} *= call.scale;
        let seen{{ r }} = {{ sees(owned, "vec4(moment" ~ r ~ ")", "other_moments") }};
{% endfor %}
