// How fast this device moves memory: four elements an invocation, read once and written once.
//
//     out[i] = in[i]

struct Uniform {
    quads: u32,     // M / 4
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;         // [M]
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;  // [M]

const INVOCATIONS: u32 = {{ invocations }}u;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    if place < call.quads {
        output[place] = input[place];
    }
}
