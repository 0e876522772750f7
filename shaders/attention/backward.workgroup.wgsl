// The gradients of attention, a tile of queries a workgroup, and in a second launch a tile of keys.
//
//     dq[i] = Σ_j dS[i, j] · k[j] / √D      dk[j] = Σ_i dS[i, j] · q[i] / √D      dv[j] = Σ_i P[i, j] · dy[i]
//     P[i, j] = exp(q[i] · k[j] / √D − m[i]) / l[i]      dS[i, j] = P[i, j] · (dy[i] · v[j] − products[i])
//
// for each head, over pairs where query i sees key j; products[i] = y[i] · dy[i]. For GPUs. LANES invocations share ROWS own
// tokens and meet 4 · LANES others at a time: for the products over D each takes 4 adjacent others, for the sums every LANES-th
// quad of features, so that what is read once serves 4 or ROWS products. One tile holds now the others' queries or keys, now
// their gradients or values: staging twice costs a tenth of what it saves in workgroup memory, which decides how many
// workgroups a GPU runs at once.
//
// Scores are computed again in both launches, seven products over D instead of five, so that every sum has one writer: no
// atomics, the same bits on every run. Where a tile has all keys of a sequence one launch gives everything by five: the sums
// over keys, too, are within one workgroup.
//
// Literals: queries: own tokens of a tile; lanes; rows, at most 4; width D; aligned: D is a multiple of 4; of_queries, of_keys:
// whose gradients the launch gives, that of values with the keys'; masked: `causal` or `validity` may hide keys.

{% from "common/quads.wgsl" import read_quad %}
{% from "attention/moments.wgsl" import sees %}
{% set quads = (width + 3) // 4 %}
{% set own_quads = (quads + lanes - 1) // lanes %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% set input_element = element %}
{% set heads = "call.heads" %}
{% set owned = "key" if of_keys else "query" %}
{% set other = "query" if of_keys else "key" %}
{% set letters = "xyzw" %}
{#- The operand at every token of the tile. #}
{% macro stage(operand) %}
        for (var i = invocation; i < OTHERS * QUADS; i += INVOCATIONS) {
            let start = {{ operand }}_start({{ "gradients" if operand == "gradient" else "input" }}, first + i / QUADS);
            tile[place(i % QUADS, i / QUADS)] = {{ operand }}_quad(start, i % QUADS);
        }
        workgroupBarrier();
{% endmacro %}
{#- name0 …: the products over D of the own tokens' operand with what is staged, four others each. #}
{% macro products(name, operand) %}
{% for r in range(rows) %}
        var {{ name }}{{ r }} = vec4<f32>();
{% endfor %}
        for (var quad = 0u; quad < QUADS; quad += 1u) {
            let at = place(quad, 4u * lane);
{% for j in range(4) %}
            let other{{ j }} = tile[at + {{ j }}u * LANES];
{% endfor %}
{% for r in range(rows) %}
            let own{{ r }} = {{ operand }}_quad({{ operand }}_at{{ r }}, quad);
            {{ name }}{{ r }} += vec4(dot(own{{ r }}, other0), dot(own{{ r }}, other1), dot(own{{ r }}, other2), dot(own{{ r }}, other3));
{% endfor %}
        }
{% endmacro %}
{#- Adds what is staged, times `weights`, to the sums of the own tokens. What is unseen may be NaN: it is left out, not multiplied
    by zero. `shared`: queries that saw no key give every value a share. #}
{% macro gather(sum, shared) %}
        for (var step = 0u; step < LANES; step += 1u) {
{% for r in range(rows) %}
            let weight{{ r }} = weights[(first_row + {{ r }}u) * LANES + step];
{% endfor %}
{% for j in range(4) %}
{% for f in range(own_quads) %}
            let other{{ j }}_{{ f }} = tile[place(quad{{ f }}, 4u * step + {{ j }}u)];
{% endfor %}
{% if masked %}
            let moment_of{{ j }} = moments[4u * step + {{ j }}u];
{% if shared %}
            let shares{{ j }} = numbers[4u * step + {{ j }}u].w != 0.0;
{% endif %}
{% endif %}
{% for r in range(rows) %}
{% if masked %}
            if {{ sees(owned, "moment" ~ r, "moment_of" ~ j) }}{{ " || shares" ~ j if shared }} {
{% endif %}
{% for f in range(own_quads) %}
            {{ sum }}{{ r }}_{{ f }} = fma(vec4(weight{{ r }}.{{ letters[j] }}), other{{ j }}_{{ f }}, {{ sum }}{{ r }}_{{ f }});
{% endfor %}
{% if masked %}
            }
{% endif %}
{% endfor %}
{% endfor %}
        }
{% endmacro %}
{% include "attention/backward_operands.wgsl" %}
{% include "attention/main.workgroup.wgsl" %}
{{ read_quad("value", width, aligned) }}
{{ read_quad("gradient", width, aligned) }}

// What the tile's tokens are multiplied by in the sums, [own token][lane], of four others each: P or dS.
var<workgroup> weights: array<vec4<f32>, OWN * LANES>;
{% if of_keys %}
// Of each query of the tile m, l, y · dy, and the share of its gradient that every value has because it saw no key.
var<workgroup> numbers: array<vec4<f32>, OTHERS>;
{% endif %}

// Where a quad of one of the tile's tokens lies. Tokens move on from quad to quad, so that a quad of many tokens and many quads of
// a token both lie in different banks.
fn place(quad: u32, token: u32) -> u32 {
    return quad * OTHERS + token % 4u * LANES + (token / 4u + quad) % LANES;
}

fn compute(task: Task, invocation: u32) {
    let input = input_of(task, task.head);
    let gradients = gradients_of(task);
{% include "attention/own.workgroup.wgsl" %}
{% for r in range(rows) %}
    let {{ owned }}_at{{ r }} = {{ owned }}_start(input, token{{ r }});
{% if of_keys %}
    let value_at{{ r }} = value_start(input, token{{ r }});
{% else %}
    let gradient_at{{ r }} = gradient_start(gradients, token{{ r }});
    let numbers{{ r }} = numbers_of(task, token{{ r }});
{% endif %}
{% endfor %}
{% for f in range(own_quads) %}
    let quad{{ f }} = min({{ f }}u * LANES + lane, QUADS - 1u);
{% for r in range(rows) %}
    var of_{{ owned }}{{ r }}_{{ f }} = vec4<f32>();
{% if of_keys %}
    var of_value{{ r }}_{{ f }} = vec4<f32>();
{% endif %}
{% endfor %}
{% endfor %}

    for (var first = 0u; first < call.keys; first += OTHERS) {
{% if of_keys %}
        for (var i = invocation; i < OTHERS; i += INVOCATIONS) {
            let of_query = numbers_of(task, first + i);
            let within = first + i < call.keys;
            let blind = of_query.y == 0.0;
            let share = select(0.0, f32(call.empty_row) / f32(call.keys), within && blind);
            numbers[i] = vec4(of_query.x, select(of_query.y, 1.0, blind), of_query.z, share);
            moments[i] = select(BLIND, query_moment(first + i), within && !blind);
        }
{{ stage("query") }}
{{ products("score", "key") }}
{% for j in range(4) %}
        let numbers{{ j }} = numbers[4u * lane + {{ j }}u];
        let moment_of{{ j }} = moments[4u * lane + {{ j }}u];
{% endfor %}
        let peaks = vec4(numbers0.x, numbers1.x, numbers2.x, numbers3.x);
        let totals = vec4(numbers0.y, numbers1.y, numbers2.y, numbers3.y);
        let subtracted = vec4(numbers0.z, numbers1.z, numbers2.z, numbers3.z);
        let shares = vec4(numbers0.w, numbers1.w, numbers2.w, numbers3.w);
        let other_moments = vec4(moment_of0, moment_of1, moment_of2, moment_of3);
{% for r in range(rows) %}
        let seen{{ r }} = {{ sees(owned, "vec4(moment" ~ r ~ ")", "other_moments") }};
        let probability{{ r }} = select(vec4<f32>(), exp(score{{ r }} * call.scale - peaks) / totals, seen{{ r }});
        weights[(first_row + {{ r }}u) * LANES + lane] = probability{{ r }} + shares;
{% endfor %}
        workgroupBarrier();
{{ stage("gradient") }}
{{ products("along", "value") }}
{{ gather("of_value", true) }}
        workgroupBarrier();
{% for r in range(rows) %}
        let of_score{{ r }} = select(vec4<f32>(), probability{{ r }} * (along{{ r }} - subtracted), seen{{ r }});
        weights[(first_row + {{ r }}u) * LANES + lane] = of_score{{ r }};
{% endfor %}
{{ stage("query") }}
{{ gather("of_key", false) }}
{% if of_queries %}
        // Four queries of the tile, one quad of their features.
        for (var i = invocation; i < LANES * QUADS; i += INVOCATIONS) {
            let quad = i % QUADS;
            let four = i / QUADS;
{% for j in range(4) %}
            var of_query{{ j }} = vec4<f32>();
{% endfor %}
            for (var j = 0u; j < call.keys; j += 1u) {
                let of_scores = weights[j * LANES + four];
                let features = key_quad(key_start(input, j), quad);
{% if masked %}
                let moment = key_moment(task, j);
{% endif %}
{% for j in range(4) %}
{% if masked %}
                if moment <= moments[4u * four + {{ j }}u] {
{% endif %}
                of_query{{ j }} = fma(vec4(of_scores.{{ letters[j] }}), features, of_query{{ j }});
{% if masked %}
                }
{% endif %}
{% endfor %}
            }
{% for j in range(4) %}
            if first + 4u * four + {{ j }}u < call.keys {
                store(written_start(input, first + 4u * four + {{ j }}u), quad, of_query{{ j }} * call.scale);
            }
{% endfor %}
        }
{% endif %}
{% else %}
        for (var i = invocation; i < OTHERS; i += INVOCATIONS) {
            moments[i] = key_moment(task, first + i);
        }
{{ stage("value") }}
{{ products("along", "gradient") }}
        workgroupBarrier();
{{ stage("key") }}
{{ products("score", "query") }}
        let other_moments = vec4({% for j in range(4) %}moments[4u * lane + {{ j }}u]{{ ", " if not loop.last }}{% endfor %});
{% for r in range(rows) %}
        let seen{{ r }} = {{ sees(owned, "vec4(moment" ~ r ~ ")", "other_moments") }};
        let probability{{ r }} = exp(score{{ r }} * call.scale - numbers{{ r }}.x) / numbers{{ r }}.y;
        let of_score{{ r }} = select(vec4<f32>(), probability{{ r }} * (along{{ r }} - numbers{{ r }}.z), seen{{ r }});
        weights[(first_row + {{ r }}u) * LANES + lane] = of_score{{ r }};
{% endfor %}
        workgroupBarrier();
{{ gather("of_query", false) }}
{% endif %}
        workgroupBarrier();
    }

{% for r in range(rows) %}
    if first_own + {{ r }}u < call.queries {
        let to = written_start(input, token{{ r }}){{ " + call.plane" if of_queries and of_keys }};
{% for f in range(own_quads) %}
        if {{ f }}u * LANES + lane < QUADS {
{% if of_keys %}
            store(to, quad{{ f }}, of_key{{ r }}_{{ f }} * call.scale);
            store(to + call.plane, quad{{ f }}, of_value{{ r }}_{{ f }});
{% else %}
            // A query that saw no key has nothing to add up.
            store(to, quad{{ f }}, select(of_query{{ r }}_{{ f }} * call.scale, vec4<f32>(), numbers{{ r }}.y == 0.0));
{% endif %}
        }
{% endfor %}
    }
{% endfor %}
}
