{# part(name, feature, wide): a feature of a chunk held as the vectors of its even and its odd features, or as one vector. #}
{% macro part(name, feature, wide) %}
{% if wide %}{{ name }}.{{ "odd" if feature % 2 else "even" }}.{{ "xyzw"[feature // 2] }}{% else %}{{ name }}.even.{{ "xyzw"[feature] }}{% endif %}
{% endmacro %}
