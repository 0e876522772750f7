// The gradients of attention, an invocation a query, and in a second launch an invocation a key.
//
//     dq[i] = Σ_j dS[i, j] · k[j] / √D      dk[j] = Σ_i dS[i, j] · q[i] / √D      dv[j] = Σ_i P[i, j] · dy[i]
//     P[i, j] = exp(q[i] · k[j] / √D − m[i]) / l[i]      dS[i, j] = P[i, j] · (dy[i] · v[j] − products[i])
//
// for each head, over pairs where query i sees key j; products[i] = y[i] · dy[i]. For devices without anything better: no
// workgroup memory, no subgroups. Scores are computed again in both launches, seven products over D instead of five, so
// that every sum has one writer: no atomics, the same bits on every run.
//
// Literals: invocations; width D; aligned: D is a multiple of 4; of_queries: which launch this is; step: keys of a step.

{% from "common/quads.wgsl" import read_quad %}
{% set quads = (width + 3) // 4 %}
{% set input_element = "vec4<f32>" if aligned else "f32" %}
{% set heads = "call.heads" %}
{% set owned = "query" if of_queries else "key" %}
{% set other = "key" if of_queries else "query" %}
struct Uniform {
{% include "attention/fields.wgsl" %}
    columns: u32,          // C
    value_base: u32,
    empty_row: u32,        // a query that sees no key: 0 gives zero, 1 the mean of all values
    rows: u32,             // R
    products_base: u32,    // output_base is that of the statistics
    gradient_base: u32,
    written_base: u32,     // of the gradients of queries, or of keys
    plane: u32,            // from the gradient of a key to that of its value
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> query: array<{{ input_element }}>;         // [3H, R, D] or [R, 3C]
@group(0) @binding(2) var<storage, read> key: array<{{ input_element }}>;           // [3H, R, D] or [R, 3C]
@group(0) @binding(3) var<storage, read> value: array<{{ input_element }}>;         // [3H, R, D] or [R, 3C]
@group(0) @binding(4) var<storage, read> validity: array<u32>;                      // [B, T]
@group(0) @binding(5) var<storage, read> statistics: array<f32>;                    // [H, 2, R]: m and l of each row
@group(0) @binding(6) var<storage, read> products: array<f32>;                      // [H, R]: y · dy
@group(0) @binding(7) var<storage, read> gradient: array<{{ input_element }}>;      // [R, C]: dy
@group(0) @binding(8) var<storage, read_write> output: array<{{ input_element }}>;  // [3H, R, D] or [R, 3C]

{% include "attention/sequence.wgsl" %}
{% include "attention/main.plain.wgsl" %}
{{ read_quad("value", width, aligned) }}
{{ read_quad("gradient", width, aligned) }}

fn value_start(input: u32, token: u32) -> u32 {
    return call.value_base + input + min(token, call.keys - 1u) * call.input_token;
}

// Where a head's part of the gradient of a token's row begins.
fn gradient_start(task: Task, token: u32) -> u32 {
    return call.gradient_base + row_of(task, token) * call.columns + task.head * {{ width }}u;
}

// m, l and y · dy of a query.
fn numbers_of(task: Task, token: u32) -> vec3<f32> {
    let row = row_of(task, token);
    let at = call.output_base + task.head * 2u * call.rows + row;
    return vec3(statistics[at], statistics[at + call.rows], products[call.products_base + task.head * call.rows + row]);
}

fn store(start: u32, quad: u32, sums: vec4<f32>) {
{% if aligned %}
    output[start / 4u + quad] = sums;
{% else %}
{% for c in range(4) %}
    if 4u * quad + {{ c }}u < {{ width }}u {
        output[start + 4u * quad + {{ c }}u] = sums[{{ c }}];
    }
{% endfor %}
{% endif %}
}

{% if of_queries %}
fn compute(task: Task) {
    let input = input_of(task, task.head);
    let token = token_of(task.run);
    let moment = query_moment(token);
{% include "attention/own.plain.wgsl" %}
    let numbers = numbers_of(task, token);
    let of_row = gradient_start(task, token);
{% for d in range(quads) %}
    let of_output{{ d }} = gradient_quad(of_row, {{ d }}u);
    var sum{{ d }} = vec4<f32>();
{% endfor %}
    // A query that saw no key has nothing to add up.
    let keys = select(call.keys, 0u, numbers.y == 0.0);
    for (var first = 0u; first < keys; first += {{ step }}u) {
{% include "attention/scores.plain.wgsl" %}
{% for j in range(step) %}
        let value{{ j }} = value_start(input, first + {{ j }}u);
        var along{{ j }} = vec4<f32>();
{% for d in range(quads) %}
        along{{ j }} += of_output{{ d }} * value_quad(value{{ j }}, {{ d }}u);
{% endfor %}
        let probability{{ j }} = exp(score{{ j }} - numbers.x) / numbers.y;
        let of_score{{ j }} = probability{{ j }} * (dot(along{{ j }}, vec4(1.0)) - numbers.z);
{% endfor %}
        // An unseen key may be NaN: it is left out, not multiplied by zero.
{% for d in range(quads) %}
{% for j in range(step) %}
        sum{{ d }} += select(vec4<f32>(), of_score{{ j }} * key_quad(start{{ j }}, {{ d }}u), seen{{ j }});
{% endfor %}
{% endfor %}
    }
    let to = call.written_base + input + token * call.input_token;
{% for d in range(quads) %}
    store(to, {{ d }}u, sum{{ d }} * call.scale);
{% endfor %}
}
{% else %}
{% set step = 1 %}
fn compute(task: Task) {
    let input = input_of(task, task.head);
    let token = token_of(task.run);
    let moment = key_moment(task, token);
{% include "attention/own.plain.wgsl" %}
    let own_value = value_start(input, token);
{% for d in range(quads) %}
    let value{{ d }} = value_quad(own_value, {{ d }}u);
    var of_key{{ d }} = vec4<f32>();
    var of_value{{ d }} = vec4<f32>();
{% endfor %}
    for (var first = 0u; first < call.keys; first += 1u) {
{% include "attention/scores.plain.wgsl" %}
        let numbers = numbers_of(task, first);
        let of_row = gradient_start(task, first);
        var along = vec4<f32>();
{% for d in range(quads) %}
        along += gradient_quad(of_row, {{ d }}u) * value{{ d }};
{% endfor %}
        let blind = numbers.y == 0.0;
        let probability = exp(score0 - numbers.x) / numbers.y;
        let of_score = probability * (dot(along, vec4(1.0)) - numbers.z);
        // Such a query gives every value the same share, or none.
        let share = select(probability, f32(call.empty_row) / f32(call.keys), blind);
        let weighs = select(seen0, call.empty_row == 1u, blind);
        let scored = seen0 && !blind;
{% for d in range(quads) %}
        of_key{{ d }} += select(vec4<f32>(), of_score * query_quad(start0, {{ d }}u), scored);
        of_value{{ d }} += select(vec4<f32>(), share * gradient_quad(of_row, {{ d }}u), weighs);
{% endfor %}
    }
    let to = call.written_base + input + token * call.input_token;
{% for d in range(quads) %}
    store(to, {{ d }}u, of_key{{ d }} * call.scale);
    store(to + call.plane, {{ d }}u, of_value{{ d }});
{% endfor %}
}
{% endif %}
