// Layer normalisation, an invocation a row.
//
//     out[m, c] = (in[m, c] − μ) · (σ² + eps)^(−1/2) · scale[c] + bias[c]
//     μ = mean_c in[m, c],  σ² = mean_c (in[m, c] − μ)²
//
// For devices that run shaders on the CPU and for those without anything better: no workgroup memory, no subgroups.
// A step handles four columns, so a row may have four times as many columns as an invocation may run iterations.

struct Uniform {
    rows: u32,     // M
    width: u32,    // C
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [M, C]
@group(0) @binding(2) var<storage, read> scale: array<f32>;         // [C]
@group(0) @binding(3) var<storage, read> bias: array<f32>;          // [C]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;  // [M, C]

const ROWS: u32 = {{ rows }}u;

@compute @workgroup_size(ROWS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = (group.x + group.y * groups.x) * ROWS + lane;
    if row >= call.rows {
        return;
    }
    let width = call.width;
    let whole = width - width % 4u;
    let first = row * width;

    var sums = vec4<f32>();
    for (var c = 0u; c < whole; c += 4u) {
        let at = first + c;
        sums += vec4(input[at], input[at + 1u], input[at + 2u], input[at + 3u]);
    }
    var sum = sums.x + sums.y + sums.z + sums.w;
    for (var c = whole; c < width; c += 1u) {
        sum += input[first + c];
    }
    let mean = sum / f32(width);

    var squares = vec4<f32>();
    for (var c = 0u; c < whole; c += 4u) {
        let at = first + c;
        let centred = vec4(input[at], input[at + 1u], input[at + 2u], input[at + 3u]) - mean;
        squares += centred * centred;
    }
    var square = squares.x + squares.y + squares.z + squares.w;
    for (var c = whole; c < width; c += 1u) {
        let centred = input[first + c] - mean;
        square += centred * centred;
    }
    let factor = 1.0 / sqrt(square / f32(width) + call.epsilon);

    for (var c = 0u; c < whole; c += 4u) {
        let at = first + c;
        output[at] = (input[at] - mean) * factor * scale[c] + bias[c];
        output[at + 1u] = (input[at + 1u] - mean) * factor * scale[c + 1u] + bias[c + 1u];
        output[at + 2u] = (input[at + 2u] - mean) * factor * scale[c + 2u] + bias[c + 2u];
        output[at + 3u] = (input[at + 3u] - mean) * factor * scale[c + 3u] + bias[c + 3u];
    }
    for (var c = whole; c < width; c += 1u) {
        output[first + c] = (input[first + c] - mean) * factor * scale[c] + bias[c];
    }
}
