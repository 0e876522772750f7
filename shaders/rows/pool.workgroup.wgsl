// Pooling of a sequence's tokens, a workgroup a block of columns.
//
//     out[b, c] = mean, maximum or sum over the valid n of in[b, n, c];   mean = Σ valid tokens / their number
//
// For GPUs: one sequence of 768 columns is too little for an invocation a column. {{ slices }} invocations share a
// column, each with every {{ slices }}th token, and are folded in workgroup memory; {{ columns }} columns side by side
// are 64 bytes, what a GPU fetches at once.

{% include "rows/pool_step.wgsl" %}

const COLUMNS: u32 = {{ columns }}u;
const SLICES: u32 = {{ slices }}u;

var<workgroup> partials: array<f32, COLUMNS * SLICES>;

@compute @workgroup_size(COLUMNS, SLICES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) place: vec3<u32>,
) {
    let blocks = (call.width + COLUMNS - 1u) / COLUMNS;
    let index = group.x + group.y * groups.x;
    let sequence = index / blocks;
    let column = index % blocks * COLUMNS + place.x;
    if sequence >= call.sequences {
        return;
    }
    var partial = call.start;
    if column < call.width {
        for (var n = place.y; n < call.tokens; n += SLICES) {
            partial = combine(partial, token_value(sequence, n, column));
        }
    }
    let own = place.y * COLUMNS + place.x;
    partials[own] = partial;
    workgroupBarrier();
    for (var half = SLICES / 2u; half > 0u; half /= 2u) {
        if place.y < half {
            partials[own] = combine(partials[own], partials[own + half * COLUMNS]);
        }
        workgroupBarrier();
    }
    if place.y == 0u && column < call.width {
        finish(sequence, column, partials[own]);
    }
}
