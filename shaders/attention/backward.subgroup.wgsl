// The gradients of attention, one subgroup of S lanes a workgroup.
//
//     dq[i] = Σ_j dS[i, j] · k[j] / √D      dk[j] = Σ_i dS[i, j] · q[i] / √D      dv[j] = Σ_i P[i, j] · dy[i]
//     P[i, j] = exp(q[i] · k[j] / √D − m[i]) / l[i]      dS[i, j] = P[i, j] · (dy[i] · v[j] − products[i])
//
// for each head, over pairs where query i sees key j; products[i] = y[i] · dy[i]. For software devices, as
// `attention/forward.subgroup.wgsl`: a lane owns `queries` / S tokens and keeps all their sums; the others are loaded once a
// workgroup, spread over the lanes, and broadcast from constant lanes. P and dS of `keys` others lie in workgroup memory, for
// the loop over them indexes them: each lane reads what it wrote itself, so there is no barrier. Scores are computed again in a
// second launch for keys and values, seven products over D instead of five: every sum has one writer, the same bits on every run.
//
// Literals: S; queries: own tokens of a tile, 2·S or 4·S; keys: others of a block, a multiple of S and of 4; width D; aligned: D
// is a multiple of 4; wide: of 8, and the device has 64-bit integers, so that two f32 are loaded as one; masked: `causal` and
// `validity` are obeyed; of_queries: which launch this is.

{% from "attention/chunk.subgroup.wgsl" import part %}
{% from "attention/moments.wgsl" import moment, sees %}
{% set own = queries // S %}
{% set x = "xyzw"[:own] %}
{% set Row = "vec" ~ own ~ "<f32>" %}
{% set chunk = 8 if wide else 4 %}
{% set chunks = (width + chunk - 1) // chunk %}
{% set chunk_sets = (chunks + S - 1) // S %}
{% set other_sets = keys // S %}
{% set element = "vec4<f32>" if aligned else "f32" %}
{% set input_element = "vec4<u64>" if wide else element %}
{% set heads = "call.heads" %}
{% set owned = "query" if of_queries else "key" %}
{% set other = "key" if of_queries else "query" %}
{% set operands = ["query", "key", "value", "gradient"] %}
{#- The chunk that a lane holds as `name`, in every lane. #}
{% macro broadcast(name, lane) %}
Chunk(subgroupBroadcast({{ name }}.even, {{ lane }}u){% if wide %}, subgroupBroadcast({{ name }}.odd, {{ lane }}u){% endif %})
{%- endmacro %}
{#- name0 …: the products over D of the lane's own tokens' operand with `keys` others' operand. #}
{% macro products(name, own_operand, operand) %}
{% set base = "gradients" if operand == "gradient" else "input" %}
{% for i in range(other_sets) %}
        let {{ operand }}_start{{ i }} = {{ operand }}_start({{ base }}, block + {{ i * S }}u + lane);
{% endfor %}
{% for o in range(keys) %}
        var {{ name }}{{ o }} = {{ Row }}();
{% endfor %}
        for (var chunk = 0u; chunk < {{ chunks }}u; chunk++) {
{% for c in range(own) %}
            let own{{ c }} = {{ own_operand }}_at({{ own_operand }}_own{{ c }}, chunk);
{% endfor %}
{% for f in range(chunk) %}
            let row{{ f }} = {{ Row }}({% for c in range(own) %}{{ part("own" ~ c, f, wide) }}{{ ", " if not loop.last }}{% endfor %});
{% endfor %}
{% for i in range(other_sets) %}
            let others{{ i }} = {{ operand }}_at({{ operand }}_start{{ i }}, chunk);
{% endfor %}
{% for o in range(keys) %}
            let other{{ o }} = {{ broadcast("others" ~ o // S, o % S) }};
            {{ name }}{{ o }} += {% for f in range(chunk) %}{{ part("other" ~ o, f, wide) }} * row{{ f }}{{ " + " if not loop.last }}{% endfor %};
{% endfor %}
        }
{% endmacro %}
{#- Adds four others' operand, times what `weights` holds of them, to the sums of the lane's own tokens. #}
{% macro gather(sum, weights, operand) %}
{% set base = "gradients" if operand == "gradient" else "input" %}
{% for k in range(4) %}
            let {{ operand }}{{ k }} = {{ operand }}_start({{ base }}, block + step + {{ k }}u);
{% for i in range(chunk_sets) %}
            let {{ operand }}{{ k }}_{{ i }} = {{ operand }}_at({{ operand }}{{ k }}, min({{ i * S }}u + lane, {{ chunks - 1 }}u));
{% endfor %}
{% endfor %}
            let {{ weights }}01 = unpack({{ weights }}[step / 2u * {{ S }}u + lane]);
            let {{ weights }}23 = unpack({{ weights }}[(step / 2u + 1u) * {{ S }}u + lane]);
{% for k in range(4) %}
            let {{ sum }}_weight{{ k }} = {{ weights }}{{ "01" if k < 2 else "23" }}.{{ "odd" if k % 2 else "even" }};
{% if masked %}
            // Not `!=`, which is false for NaN on some of these devices.
            let {{ sum }}_unseen{{ k }} = {{ sum }}_weight{{ k }} == {{ Row }}(LOWEST);
{% endif %}
{% endfor %}
{% for c in range(chunks) %}
{% for k in range(4) %}
            let {{ operand }}_of{{ c }}_{{ k }} = {{ broadcast(operand ~ k ~ "_" ~ c // S, c % S) }};
{% endfor %}
{% for f in range(chunk) %}
            {{ sum }}{{ c * chunk + f }} +=
{% for k in range(4) %}
{% set term = part(operand ~ "_of" ~ c ~ "_" ~ k, f, wide) ~ " * " ~ sum ~ "_weight" ~ k %}
                {{ "select(" ~ term ~ ", " ~ Row ~ "(), " ~ sum ~ "_unseen" ~ k ~ ")" if masked else term }}{{ " +" if not loop.last }}
{% endfor %}
            ;
{% endfor %}
{% endfor %}
{% endmacro %}
{#- Keeps name0 … in workgroup memory. #}
{% macro keep(weights, name) %}
{% for o in range(0, keys, 2) %}
        {{ weights }}[{{ o // 2 * S }}u + lane] = pack(Pair({{ name }}{{ o }}, {{ name }}{{ o + 1 }}));
{% endfor %}
{% endmacro %}
{#- Writes the sums of the lane's own tokens, times `factor`, `beyond` the start of what the launch writes of a token. #}
{% macro write(sum, factor, beyond) %}
{% for c in range(own) %}
    if first + {{ c }}u < call.queries {
        let to = written_start(input, token{{ c }}){{ beyond }};
{% for quad in range((width + 3) // 4) %}
        store(to, {{ quad }}u, {{ factor }}vec4({% for f in range(4) %}{{ sum }}{{ 4 * quad + f }}.{{ x[c] }}{{ ", " if not loop.last }}{% endfor %}));
{% endfor %}
    }
{% endfor %}
{% endmacro %}
{% include "attention/backward_operands.wgsl" %}
{% include "attention/chunks.subgroup.wgsl" %}
{% include "attention/main.subgroup.wgsl" %}

// [keys of a block / 2][S] dS and P of every lane's own tokens; {{ "LOWEST of what is unseen" if masked else "0 of what is beyond the last" }}.
var<workgroup> of_scores: array<Packed, {{ keys // 2 * S }}>;
{% if not of_queries %}
var<workgroup> probabilities: array<Packed, {{ keys // 2 * S }}>;
{% endif %}

fn compute(task: Task, lane: u32) {
    let input = input_of(task, task.head);
    let gradients = gradients_of(task);
{% include "attention/tokens.subgroup.wgsl" %}
{% set unseen = Row ~ ("(LOWEST)" if masked else "()") %}
{% for c in range(own) %}
{% if of_queries %}
    let query_own{{ c }} = query_start(input, token{{ c }});
    let gradient_own{{ c }} = gradient_start(gradients, token{{ c }});
    let numbers{{ c }} = numbers_of(task, token{{ c }});
{% else %}
    let key_own{{ c }} = key_start(input, token{{ c }});
    let value_own{{ c }} = value_start(input, token{{ c }});
{% endif %}
{% endfor %}
{% if of_queries %}
{% for name, n in [("peak", "x"), ("total", "y"), ("subtracted", "z")] %}
    let {{ name }} = {{ Row }}({% for c in range(own) %}numbers{{ c }}.{{ n }}{{ ", " if not loop.last }}{% endfor %});
{% endfor %}
    // A query that saw no key has nothing to add up.
    let share = select(1.0 / total, {{ Row }}(), total == {{ Row }}());
{% if masked %}
    moment = select(moment, vec{{ own }}<u32>(BLIND), total == {{ Row }}());
{% endif %}
{% endif %}
{% for f in range(chunks * chunk) %}
    var of_{{ owned }}{{ f }} = {{ Row }}();
{% if not of_queries %}
    var of_value{{ f }} = {{ Row }}();
{% endif %}
{% endfor %}

    for (var block = 0u; block < call.keys; block += {{ keys }}u) {
{{ products("score", owned, other) }}
{{ products("along", "gradient" if of_queries else "value", "value" if of_queries else "gradient") }}
{% for i in range(other_sets) %}
        let token_of_set{{ i }} = block + {{ i * S }}u + lane;
{% if not of_queries %}
        let numbers{{ i }} = numbers_of(task, token_of_set{{ i }});
        let blind{{ i }} = numbers{{ i }}.y == 0.0;
        let within{{ i }} = token_of_set{{ i }} < call.keys;
        // m, 1 / l, y · dy, and the share of its gradient that every value has where the query saw no key.
        let set{{ i }} = vec4(
            numbers{{ i }}.x,
            select(1.0 / numbers{{ i }}.y, 0.0, blind{{ i }}),
            numbers{{ i }}.z,
            select(0.0, f32(call.empty_row) / f32(call.keys), within{{ i }} && blind{{ i }}),
        );
{% endif %}
{% if masked %}
{% if of_queries %}
        let moment{{ i }} = key_moment(task, token_of_set{{ i }});
{% else %}
        let moment{{ i }} = select(BLIND, query_moment(token_of_set{{ i }}), within{{ i }} && !blind{{ i }});
{% endif %}
{% endif %}
{% endfor %}
{% for o in range(keys) %}
{% if masked %}
        let seen{{ o }} = {{ sees(owned, "moment", "vec" ~ own ~ "<u32>(subgroupBroadcast(moment" ~ o // S ~ ", " ~ o % S ~ "u))") }};
{% else %}
        let seen{{ o }} = vec{{ own }}<bool>(block + {{ o }}u < call.keys);
{% endif %}
{% if of_queries %}
        let probability{{ o }} = exp(score{{ o }} * call.scale - peak) * share;
        let of_score{{ o }} = select({{ unseen }}, probability{{ o }} * (along{{ o }} - subtracted), seen{{ o }});
{% else %}
        let of_query{{ o }} = subgroupBroadcast(set{{ o // S }}, {{ o % S }}u);
        let probability{{ o }} = exp(score{{ o }} * call.scale - of_query{{ o }}.x) * of_query{{ o }}.y;
        let of_score{{ o }} = select({{ unseen }}, probability{{ o }} * (along{{ o }} - of_query{{ o }}.z), seen{{ o }});
        let shared{{ o }} = select({{ unseen }}, {{ Row }}(of_query{{ o }}.w), of_query{{ o }}.w != 0.0);
        let weight{{ o }} = select(shared{{ o }}, probability{{ o }} + of_query{{ o }}.w, seen{{ o }});
{% endif %}
{% endfor %}
{{ keep("of_scores", "of_score") }}
{% if not of_queries %}
{{ keep("probabilities", "weight") }}
{% endif %}
        let block_keys = min(call.keys - block, {{ keys }}u);
        for (var step = 0u; step < block_keys; step += 4u) {
{{ gather("of_" ~ owned, "of_scores", other) }}
{% if not of_queries %}
{{ gather("of_value", "probabilities", "gradient") }}
{% endif %}
        }
    }
{{ write("of_" ~ owned, "call.scale * ", "") }}
{% if not of_queries %}
{{ write("of_value", "", " + call.plane") }}
{% endif %}
}
