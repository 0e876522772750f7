// A weight in the format in which a product reads it, an invocation a word: a float, or two halves.
//
//     output[index of (n, k)] = weight[n, k],   weight [N, K]
//
//     rows            [N, K]
//     panels          [⌈N / panel⌉, K', panel],   K' = K rounded up to a multiple of 4
//     paired panels   [⌈N / panel⌉, K' / 2, panel / 4, 2, 4]
//
// Panels hold zeros beyond the last k, and NaN beyond the last n. Neighbouring invocations write neighbouring words;
// their reads lie K apart, once for a weight that is then read many times.

struct Uniform {
    columns: u32,       // N of this launch
    inner: u32,         // K
    panel: u32,         // columns of a panel
    words: u32,         // of this launch
    weight_start: u32,  // where in the bound weight its first column begins
    output_start: u32,  // where in the bound output its first word goes
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> weight: array<f32>;         // [N, K]
@group(0) @binding(2) var<storage, read_write> output: array<u32>;   // [words]

const INVOCATIONS: u32 = {{ invocations }}u;

// The bits of the float at `place` of the format.
{% if layout == "rows" %}
fn bits_at(place: u32) -> u32 {
    if place >= call.columns * call.inner {
        return 0u;
    }
    return bitcast<u32>(weight[call.weight_start + place]);
}
{% else %}
fn bits_at(place: u32) -> u32 {
    let panel_size = (call.inner + 3u) / 4u * 4u * call.panel;
    let within = place % panel_size;
{% if layout == "panels" %}
    let k = within / call.panel;
    let column = place / panel_size * call.panel + within % call.panel;
{% else %}
    let k = within / (2u * call.panel) * 2u + within % 8u / 4u;
    let column = place / panel_size * call.panel + within % (2u * call.panel) / 8u * 4u + within % 4u;
{% endif %}
    if column >= call.columns {
        return 0x7fc00000u;
    }
    if k >= call.inner {
        return 0u;
    }
    return bitcast<u32>(weight[call.weight_start + column * call.inner + k]);
}
{% endif %}

{% if half %}
// The nearest half of a float, to even on a tie. pack2x16float may round either way, and is undefined for floats that
// are too large.
fn half_of(bits: u32) -> u32 {
    let sign = (bits >> 16u) & 0x8000u;
    let magnitude = bits & 0x7fffffffu;
    if magnitude > 0x7f800000u {
        return sign | 0x7e00u;
    }
    // From 65520 on.
    if magnitude >= 0x477ff000u {
        return sign | 0x7c00u;
    }
    // Below 2⁻¹⁴ halves are multiples of 2⁻²⁴, as floats are from 0.5 on.
    if magnitude < 0x38800000u {
        return sign | (bitcast<u32>(bitcast<f32>(magnitude) + 0.5) - 0x3f000000u);
    }
    let rebiased = magnitude - 0x38000000u;
    return sign | ((rebiased + 0xfffu + ((rebiased >> 13u) & 1u)) >> 13u);
}

{% endif %}
@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let word = (group.x + group.y * groups.x) * INVOCATIONS + lane;
    if word >= call.words {
        return;
    }
{% if half %}
    output[call.output_start + word] = half_of(bits_at(2u * word)) | (half_of(bits_at(2u * word + 1u)) << 16u);
{% else %}
    output[call.output_start + word] = bits_at(word);
{% endif %}
}
