{#-
    score0 …, seen0 …: the lane's own rows, of the operand `owned`, against `keys` tokens of the operand `other`, those from
    `first_other` on; and whether the one that is a query sees the other. Lane l loads the tokens l, S + l, ….
-#}
{% from "attention/chunk.subgroup.wgsl" import part %}
{% from "attention/moments.wgsl" import moment, sees %}
{% for i in range(keys // S) %}
            let other_token{{ i }} = {{ first_other }} + {{ i * S }}u + lane;
            let other_start{{ i }} = {{ other }}_start(input, other_token{{ i }});
{% if masked %}
            let other_moment{{ i }} = {{ moment(other, "other_token" ~ i) }};
{% endif %}
{% endfor %}
{% for o in range(keys) %}
            var score{{ o }} = {{ Row }}();
{% endfor %}
            for (var chunk = 0u; chunk < {{ chunks }}u; chunk++) {
{% for f in range(0, chunk, 2) %}
                let own{{ f }} = unpack(rows[(chunk * {{ chunk // 2 }}u + {{ f // 2 }}u) * {{ S }}u + lane]);
{% endfor %}
{% for i in range(keys // S) %}
                let others{{ i }} = {{ other }}_at(other_start{{ i }}, chunk);
{% endfor %}
{% for o in range(keys) %}
                let other{{ o }} = Chunk(subgroupBroadcast(others{{ o // S }}.even, {{ o % S }}u){% if wide %}, subgroupBroadcast(others{{ o // S }}.odd, {{ o % S }}u){% endif %});
                score{{ o }} += {% for f in range(chunk) %}{{ part("other" ~ o, f, wide) }} * own{{ f // 2 * 2 }}.{{ "odd" if f % 2 else "even" }}{{ " + " if not loop.last }}{% endfor %};
{% endfor %}
            }
{% for o in range(keys) %}
{% if masked %}
            let seen{{ o }} = {{ sees(owned, "moment", "vec" ~ own ~ "<u32>(subgroupBroadcast(other_moment" ~ o // S ~ ", " ~ o % S ~ "u))") }};
{% else %}
            let seen{{ o }} = vec{{ own }}<bool>({{ first_other }} + {{ o }}u < call.keys);
{% endif %}
{% endfor %}
