{#-
    weights of the scores of a step, and fade0 …: by what each row's sums must be multiplied before they are added to. Each
    invocation takes every LANES-th key of its rows: neighbours read neighbours.
-#}
{% set of_lane = keys // lanes %}
{% for r in range(rows) %}
        let row{{ r }} = first_row + {{ r }}u;
{% for k in range(of_lane) %}
        let seen{{ r }}_{{ k }} = moments[{{ k }}u * LANES + lane] <= moment{{ r }};
        let score{{ r }}_{{ k }} = scores[row{{ r }} * SCORE_STRIDE + {{ k }}u * LANES + lane] * (call.scale * LOG2_E);
        highest{{ r }} = max(highest{{ r }}, select(LOWEST, score{{ r }}_{{ k }}, seen{{ r }}_{{ k }}));
{% endfor %}
{% endfor %}
{% if lanes > 1 %}
        lane_rows[invocation] = highest0;
        workgroupBarrier();
{% for l in range(lanes) %}
        highest0 = max(highest0, lane_rows[invocation - lane + {{ l }}u]);
{% endfor %}
{% endif %}
{% for r in range(rows) %}
        var fade{{ r }} = 1.0;
        if highest{{ r }} > peak{{ r }} + SLACK {
            // Before the first key that is seen there is no sum to fade.
            if peak{{ r }} > LOWEST {
                atomicStore(&raised, 1u);
            }
            fade{{ r }} = exp2(peak{{ r }} - highest{{ r }});
            peak{{ r }} = highest{{ r }};
            total{{ r }} *= fade{{ r }};
        }
{% for k in range(of_lane) %}
        let weight{{ r }}_{{ k }} = select(0.0, exp2(score{{ r }}_{{ k }} - peak{{ r }}), seen{{ r }}_{{ k }});
        total{{ r }} += weight{{ r }}_{{ k }};
{% if causal %}
        let marked{{ r }}_{{ k }} = weight{{ r }}_{{ k }} + bitcast<f32>(atomicLoad(&marks[{{ k }}u * LANES + lane]));
        let scaled{{ r }}_{{ k }} = SCALE * select(0.0, marked{{ r }}_{{ k }}, seen{{ r }}_{{ k }});
{% else %}
        let scaled{{ r }}_{{ k }} = SCALE * weight{{ r }}_{{ k }};
{% endif %}
        let rounded{{ r }}_{{ k }} = nearest(scaled{{ r }}_{{ k }});
        let at{{ r }}_{{ k }} = row{{ r }} * WEIGHT_STRIDE + {{ k }}u * LANES + lane;
        weights[at{{ r }}_{{ k }}] = f16(rounded{{ r }}_{{ k }});
        weights[WEIGHTS + at{{ r }}_{{ k }}] = f16(nearest(scaled{{ r }}_{{ k }} - rounded{{ r }}_{{ k }}));
{% endfor %}
{% endfor %}
