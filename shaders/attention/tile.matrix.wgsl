{#-
    What a tile of queries keeps in workgroup memory, and how it gets there and out of it. Literals: see
    attention/forward.f16.matrix.wgsl.
-#}
{% from "common/quads.wgsl" import read_quad %}
// Four features of an operand.
alias Quad = vec4<f16>;

const QUERIES: u32 = {{ queries }}u;
const KEYS: u32 = {{ keys }}u;
const INVOCATIONS: u32 = {{ invocations }}u;
const EDGE: u32 = {{ edge }}u;
const STRIPS: u32 = {{ strips }}u;
const LANES: u32 = {{ lanes }}u;
const ROWS: u32 = {{ rows }}u;
const HEAD_QUADS: u32 = {{ (width + 3) // 4 }}u;
const QUADS: u32 = {{ matrices * edge // 4 }}u;   // padded to whole matrices
// Padded by 16 bytes: matrices begin where wide loads may, and their rows lie in different memory banks.
const STRIDE: u32 = 4u * QUADS + 8u;
const SCORE_STRIDE: u32 = KEYS + 4u;
const WEIGHT_STRIDE: u32 = KEYS + 8u;
const WEIGHTS: u32 = QUERIES * WEIGHT_STRIDE;

const LOG2_E: f32 = 1.4426950408889634;
// A weight is at most 2⁵. Times 2¹⁰ it is still a finite half, and few low halves are below the normal ones.
const SLACK: f32 = 5.0;
const SCALE: f32 = 1024.0;

var<workgroup> tile: array<f16, {{ [queries, 2 * keys] | max }}u * STRIDE>;   // queries; then [KEYS] keys, [KEYS] values
var<workgroup> scores: array<f32, QUERIES * SCORE_STRIDE>;                    // [QUERIES, KEYS]; later sums
var<workgroup> weights: array<f16, 2u * WEIGHTS>;                             // [high, low][QUERIES, KEYS]
var<workgroup> moments: array<u32, KEYS>;
// Whether a peak was raised, so that sums must fade.
var<workgroup> raised: atomic<u32>;
{% if lanes > 1 %}
// What the lanes of a row exchange.
var<workgroup> lane_rows: array<f32, INVOCATIONS>;
{% endif %}
{% if causal %}
// NaN for keys whose values are not finite, else 0.
var<workgroup> marks: array<atomic<u32>, KEYS>;
const NAN: u32 = 0x7fc00000u;
// All bits of the exponent are set in infinities and NaN.
const EXPONENT: u32 = 0x7f800000u;
{% endif %}

{% for operand in ["query", "key", "value"] %}
{{ read_quad(operand, width, aligned, "Quad", true) }}
{% endfor %}

fn stage(row: u32, quad: u32, values: Quad) {
    let at = row * STRIDE + 4u * quad;
{% for c in range(4) %}
    tile[at + {{ c }}u] = values.{{ "xyzw"[c] }};
{% endfor %}
}

// The nearest float of 11 bits, which as a half is rounded no more, whichever way a device does; in bits, for some drivers
// take a float that was a half in between for the same. A NaN stays one.
fn nearest(value: f32) -> f32 {
    let bits = bitcast<u32>(value);
    return select(bitcast<f32>((bits + 0x1000u) & 0xffffe000u), value, (bits & 0x7fffffffu) > 0x7f800000u);
}

// Of a row that sees no key.
fn mean_of_values(input: u32, quad: u32) -> vec4<f32> {
    var sum = vec4<f32>();
    for (var j = 0u; j < call.keys; j += 1u) {
        sum += vec4<f32>(value_quad(value_start(input, j), quad));
    }
    return sum / f32(call.keys);
}

fn store(start: u32, quad: u32, values: vec4<f32>) {
    let result = stored(values);
{% if aligned %}
    output[start / 4u + quad] = result;
{% else %}
{% for c in range(4) %}
    if 4u * quad + {{ c }}u < {{ width }}u {
        output[start + 4u * quad + {{ c }}u] = result.{{ "xyzw"[c] }};
    }
{% endfor %}
{% endif %}
}
