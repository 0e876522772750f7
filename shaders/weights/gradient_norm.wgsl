// The norms of gradients and what clips them to a limit, an invocation a gradient.
//
//     norm = √square_sum,   factor = 1 where norm < limit, else limit / norm
//
// A factor of a norm that is infinite or NaN is NaN: a step by it is noticed, and a step by limit / ∞ = 0 would not be.

struct Uniform {
    gradients: u32,  // M of this launch
    limit: f32,
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> square_sum: array<f32>;    // [M]
@group(0) @binding(2) var<storage, read_write> norm: array<f32>;    // [M]
@group(0) @binding(3) var<storage, read_write> factor: array<f32>;  // [M], or none

const INVOCATIONS: u32 = {{ invocations }}u;
// The exponent of infinities and NaNs, and the bit that makes a quiet NaN of either.
const ALL_OF_EXPONENT: u32 = 0x7f800000u;
const QUIET: u32 = 0x00400000u;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    if place >= call.gradients {
        return;
    }
    let sum = square_sum[place];
    // By its bits, for a driver may take it that there are none such.
    let bits = bitcast<u32>(sum);
    let no_number = (bits & ALL_OF_EXPONENT) == ALL_OF_EXPONENT;
    let root = select(sqrt(sum), sum, no_number);
    norm[place] = root;
{% if clipped %}
    let share = select(call.limit / root, 1.0, root < call.limit);
    factor[place] = select(share, bitcast<f32>(bits | QUIET), no_number);
{% endif %}
}
