// Frames of a clip, picked by index: uniform frame sampling.
//
//     out[b, s, :] = in[b, indices[s], :]
//
// A workgroup copies a block of one frame, neighbouring invocations neighbouring values. A launch sees a run of the
// clips' frames and a run of the picked ones; of the picked ones it writes those whose frame it sees.

struct Uniform {
    clips: u32,           // of this launch
    frames: u32,          // F
    picked: u32,          // of this launch, of each clip
    width: u32,           // values of a frame
    first_frame: u32,     // the run of frames that is bound
    end_frame: u32,
    first_picked: u32,    // of this launch, among the S
    input_base: u32,      // elements bound before the first one needed
    output_base: u32,
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // [B, F, P, Y, X]
@group(0) @binding(2) var<storage, read> indices: array<u32>;        // [S]
@group(0) @binding(3) var<storage, read_write> output: array<f32>;   // [B, S, P, Y, X]

const INVOCATIONS: u32 = {{ invocations }}u;
const BLOCK: u32 = {{ values }}u * INVOCATIONS;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let blocks = (call.width + BLOCK - 1u) / BLOCK;
    let index = group.x + group.y * groups.x;
    let place = index / blocks;
    let clip = place / call.picked;
    if clip >= call.clips {
        return;
    }
    let frame = min(indices[call.first_picked + place % call.picked], call.frames - 1u);
    if frame < call.first_frame || frame >= call.end_frame {
        return;
    }
    let source = call.input_base + (clip * call.frames + frame - call.first_frame) * call.width;
    let destination = call.output_base + place * call.width;
    let first = index % blocks * BLOCK + lane;
{% for i in range(values) %}
    if first + {{ i }}u * INVOCATIONS < call.width {
        output[destination + first + {{ i }}u * INVOCATIONS] = input[source + first + {{ i }}u * INVOCATIONS];
    }
{% endfor %}
}
