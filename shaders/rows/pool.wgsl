// Pooling of a sequence's tokens, an invocation a column.
//
//     out[b, c] = mean, maximum or sum over the valid n of in[b, n, c];   mean = Σ valid tokens / their number
//
// For devices that run shaders on the CPU and for those without anything better. {{ partials }} partial results keep
// the rounding of a long sum small, and are as many tokens a step.

{% include "rows/pool_step.wgsl" %}

const COLUMNS: u32 = {{ columns }}u;

@compute @workgroup_size(COLUMNS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let blocks = (call.width + COLUMNS - 1u) / COLUMNS;
    let index = group.x + group.y * groups.x;
    let sequence = index / blocks;
    let column = index % blocks * COLUMNS + lane;
    if sequence >= call.sequences || column >= call.width {
        return;
    }
    {% for partial in range(partials) %}
    var partial_{{ partial }} = call.start;
    {% endfor %}
    for (var n = 0u; n < call.tokens; n += {{ partials }}u) {
        {% for partial in range(partials) %}
        partial_{{ partial }} = combine(partial_{{ partial }}, token_value(sequence, n + {{ partial }}u, column));
        {% endfor %}
    }
    var pooled = partial_0;
    {% for partial in range(1, partials) %}
    pooled = combine(pooled, partial_{{ partial }});
    {% endfor %}
    finish(sequence, column, pooled);
}
