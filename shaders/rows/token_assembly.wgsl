// Token assembly: a class token in front of each sequence, positions added to all of it; a workgroup a row.
//
//     out[b, i, c] = (class token [c] if i < K, else tokens[b, i − K, c]) + positions[i, c]
//
// b < B sequences of N = K + N₀ rows, K class tokens (0 or 1). A launch sees a run of the B·N output rows, and the
// tokens that belong to them. Every value is read once: neighbouring invocations take neighbouring columns.

struct Uniform {
    rows: u32,            // of this launch
    width: u32,           // C
    sequence_rows: u32,   // N
    class_tokens: u32,    // K
    first_row: u32,       // of this launch, among the B·N
    first_token: u32,     // the first row of `tokens` that this launch needs, among the B·N₀
    first_position: u32,  // the first row of `positions` that this launch needs
    positioned: u32,      // 1 where positions are added
    tokens_base: u32,     // elements bound before the first one needed
    positions_base: u32,
    output_base: u32,
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> tokens: array<f32>;         // [B·N₀, C]
@group(0) @binding(2) var<storage, read> class_token: array<f32>;    // [C]
@group(0) @binding(3) var<storage, read> positions: array<f32>;      // [N, C]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;   // [B·N, C]

fn compute(row: u32, lane: u32) {
    let width = call.width;
    let class_tokens = call.class_tokens;
    let sequence = (call.first_row + row) / call.sequence_rows;
    let i = (call.first_row + row) % call.sequence_rows;
    let token = sequence * (call.sequence_rows - class_tokens) + i - class_tokens - call.first_token;
    let token_start = call.tokens_base + token * width;
    let position_start = call.positions_base + (i - call.first_position) * width;
    let output_start = call.output_base + row * width;

    for (var c = lane; c < width; c += INVOCATIONS) {
        var value: f32;
        if i < class_tokens {
            value = class_token[c];
        } else {
            value = tokens[token_start + c];
        }
        if call.positioned == 1u {
            value += positions[position_start + c];
        }
        output[output_start + c] = value;
    }
}

{% include "rows/each_row.workgroup.wgsl" %}
