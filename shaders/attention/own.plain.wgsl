{#- own0 …: the quads of the invocation's own token of the operand `owned`, times D^(−1/2). -#}
{% for d in range(quads) %}
    let own{{ d }} = {{ owned }}_quad({{ owned }}_start(input, token), {{ d }}u) * call.scale;
{% endfor %}
