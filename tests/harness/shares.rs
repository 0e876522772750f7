//! Softmax, once right, once without the maximum of a row, and once with a NaN that `max` swallows.

use tubelet::kernels::{
    Binding, Case, Dispatches, Family, Fill, Kernel, Literals, Needs, Planned, Reference, Shader, Unfit, input, word,
};
use tubelet::tensor::{Exact, Result, Shape, Tensor};

macro_rules! shares {
    ($name:literal, $largest:literal, $weight:literal, $share:literal) => {
        Planned::any(
            Shader::new(
                concat!("shares.", $name, ".wgsl"),
                concat!(
                    "
                struct Uniform { rows: u32, width: u32, }
                @group(0) @binding(0) var<uniform> call: Uniform;
                @group(0) @binding(1) var<storage, read> input: array<f32>;
                @group(0) @binding(2) var<storage, read_write> output: array<f32>;

                fn is_nan(value: f32) -> bool { return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u; }

                @compute @workgroup_size(16)
                fn main(@builtin(global_invocation_id) place: vec3<u32>) {
                    let row = place.x;
                    if row >= call.rows { return; }
                    var largest = input[row * call.width];
                    var broken = false;
                    for (var c = 0u; c < call.width; c += 1u) {
                        let value = input[row * call.width + c];
                        broken = broken || is_nan(value);
                        largest = ",
                    $largest,
                    ";
                    }
                    var sum = 0.0;
                    for (var c = 0u; c < call.width; c += 1u) {
                        let value = input[row * call.width + c];
                        sum += ",
                    $weight,
                    ";
                    }
                    for (var c = 0u; c < call.width; c += 1u) {
                        let value = input[row * call.width + c];
                        output[row * call.width + c] = ",
                    $share,
                    ";
                    }
                }"
                ),
            ),
            Needs::invocations(16),
            plan,
        )
    };
}

static VARIANTS: [Planned<Shares>; 3] = [
    shares!(
        "right",
        "max(largest, value)",
        "exp(value - largest)",
        "select(exp(value - largest) / sum, bitcast<f32>(0x7fc00000u | row), broken)"
    ),
    shares!(
        "no_maximum",
        "max(largest, value)",
        "exp(value)",
        "select(exp(value) / sum, bitcast<f32>(0x7fc00000u | row), broken)"
    ),
    shares!(
        "swallowed_nan",
        "max(max(largest, value), -1e30)",
        "exp(max(value - largest, -80.0))",
        "exp(max(value - largest, -80.0)) / sum"
    ),
];

fn plan(call: &Shares, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let uniform = Uniform { rows: word(call.rows)?, width: word(call.width)? };
    dispatches.launch(call.rows.div_ceil(16) as u64, Literals::new(), &uniform, vec![None, None])
}

pub(crate) static SHARES: Family = Family::of::<Shares>(
    "shares",
    "out[m, c] = exp(in[m, c]) / Σ_c exp(in[m, c])",
    Uniform::FIELDS,
    &[Binding::read("input", "[M, C]"), Binding::write("output", "[M, C]")],
    || {
        let call = Shares { rows: 3, width: 5 };
        let mut values: Vec<f32> = (0..15).map(|index| (index as f32).sin()).collect();
        values[7] = f32::NAN;
        vec![
            Case::new("large values", call.clone()).fill(0, Fill::Between(95.0, 105.0)),
            Case::new("a NaN in the second row", call).given(0, Tensor::f32([3, 5], values)),
        ]
    },
);

tubelet::uniform! {
    struct Uniform {
        rows: u32,
        width: u32,
    }
}

#[derive(Clone, Debug)]
struct Shares {
    rows: usize,
    width: usize,
}

impl Kernel for Shares {
    const FAMILY: &'static Family = &SHARES;
    const VARIANTS: &'static [Planned<Self>] = &VARIANTS;
    const REFERENCE: Reference<Self> = shared;

    fn operands(&self) -> Vec<Option<Shape>> {
        let shape = Shape::from([self.rows, self.width]);
        vec![Some(shape.clone()), Some(shape)]
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn operations(&self) -> u64 {
        4 * (self.rows * self.width) as u64
    }
}

fn shared(call: &Shares, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let mut output = Vec::new();
    for row in input(inputs, 0)?.reals()?.chunks(call.width) {
        let sum: f64 = row.iter().map(|value| value.exp()).sum();
        output.extend(row.iter().map(|value| value.exp() / sum));
    }
    Ok(vec![Exact::from_reals([call.rows, call.width], output)?])
}
