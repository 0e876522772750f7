{#-
    A step of the online softmax: peak (m) and total (l) take in score0 …, as far as seen; weight0 … is exp(score − m), and
    fade = exp(m_old − m_new) what becomes of everything gathered so far.
-#}
        var highest = peak;
{% for j in range(step) %}
        highest = max(highest, select(LOWEST, score{{ j }}, seen{{ j }}));
{% endfor %}
        let fade = exp(peak - highest);
        peak = highest;
{% for j in range(step) %}
        let weight{{ j }} = select(0.0, exp(score{{ j }} - peak), seen{{ j }});
{% endfor %}
        total = total * fade + ({% for j in range(step) %}weight{{ j }}{{ " + " if not loop.last }}{% endfor %});
