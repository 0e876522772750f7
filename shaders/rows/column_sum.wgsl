// The sum of each column, a column of a strip of rows an invocation.
//
//     out[c] = Σ_m in[m, c],   in [M, C]
//
// A column of thousands of rows is too long for one invocation: most of a GPU would be idle, and some devices stop
// after 65,535 iterations. So each strip of rows is added up by itself, and then the sums of the strips are. The order
// of all additions follows from the sizes: the same bits on every run. Neighbouring invocations read neighbouring
// columns.

struct Uniform {
    rows: u32,          // M of this launch
    width: u32,         // C
    strip: u32,         // rows of a strip
    input_start: u32,   // where in the bound input the first row begins
    output_start: u32,  // where the sums of the first strip go
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;               // [M, C]
@group(0) @binding(2) var<storage, read_write> output: array<f32>;        // [C]
@group(0) @binding(3) var<storage, read_write> partial_sums: array<f32>;  // [strips, C]

const COLUMNS: u32 = {{ columns }}u;

@compute @workgroup_size(COLUMNS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = group.x + group.y * groups.x;
    let across = (call.width + COLUMNS - 1u) / COLUMNS;
    let strip = place / across;
    let column = place % across * COLUMNS + lane;
    let first = strip * call.strip;
    if first >= call.rows || column >= call.width {
        return;
    }
    let last = min(first + call.strip, call.rows);
    var sum = 0.0;
    for (var row = first; row < last; row += 1u) {
        sum += {{ "partial_sums" if of_strips else "input" }}[call.input_start + row * call.width + column];
    }
    {{ "output" if of_strips or whole else "partial_sums" }}[call.output_start + strip * call.width + column] = sum;
}
