{#- moment(operand, token): the moment of a token as a query or as a key of the task's sequence. #}
{% macro moment(operand, token) %}
{% if operand == "key" %}key_moment(task, {{ token }}){% else %}query_moment({{ token }}){% endif %}
{% endmacro %}
{# sees(owned, own, other): whether the query of the two moments sees the key; the own one is of the operand `owned`. #}
{% macro sees(owned, own, other) %}
{% if owned == "query" %}{{ other }} <= {{ own }}{% else %}{{ own }} <= {{ other }}{% endif %}
{% endmacro %}
