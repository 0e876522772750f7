{#-
    score0 …: the lane's own rows against `others` tokens of the operand `other`, of which lane l has loaded those at
    other_row0, other_row1, … (the tokens l, S + l, …).
-#}
{% from "attention/chunk.subgroup.wgsl" import part %}
{% for o in range(others) %}
            var score{{ o }} = {{ Row }}();
{% endfor %}
            for (var chunk = 0u; chunk < {{ chunks }}u; chunk++) {
{% for f in range(0, chunk, 2) %}
                let own{{ f }} = unpack(rows[(chunk * {{ chunk // 2 }}u + {{ f // 2 }}u) * {{ S }}u + lane]);
{% endfor %}
{% for i in range(others // S) %}
                let others{{ i }} = {{ other }}_at(other_row{{ i }}, chunk);
{% endfor %}
{% for o in range(others) %}
                let other{{ o }} = Chunk(subgroupBroadcast(others{{ o // S }}.even, {{ o % S }}u){% if wide %}, subgroupBroadcast(others{{ o // S }}.odd, {{ o % S }}u){% endif %});
                score{{ o }} += {% for f in range(chunk) %}{{ part("other" ~ o, f, wide) }} * own{{ f // 2 * 2 }}.{{ "odd" if f % 2 else "even" }}{{ " + " if not loop.last }}{% endfor %};
{% endfor %}
            }
