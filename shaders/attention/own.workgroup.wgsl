{#- token0 …, moment0 …: the invocation's own tokens, ROWS from `first_own` of the launch on, with the operand `owned`. -#}
{% from "attention/moments.wgsl" import moment %}
    let lane = invocation % LANES;
    let first_lane = invocation - lane;
    let first_row = invocation / LANES * ROWS;
    let first_own = task.run * OWN + first_row;
{% for r in range(rows) %}
    let token{{ r }} = token_of(first_own + {{ r }}u);
    let moment{{ r }} = {{ moment(owned, "token" ~ r) }};
{% endfor %}
