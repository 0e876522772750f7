{#- token0 …: the lane's own tokens, from `first` of the launch on; and where masks are obeyed `moment`, theirs. -#}
{% from "attention/moments.wgsl" import moment %}
    let first = task.run * {{ queries }}u + lane * {{ own }}u;
{% for c in range(own) %}
    let token{{ c }} = token_of(first + {{ c }}u);
{% endfor %}
{% if masked %}
    var moment = vec{{ own }}<u32>({% for c in range(own) %}{{ moment(owned, "token" ~ c) }}{{ ", " if not loop.last }}{% endfor %});
{% endif %}
