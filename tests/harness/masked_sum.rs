//! Sums over the valid columns of rows, added up in workgroup memory: once right, once with the mask of another row, and
//! once without a barrier.

use tubelet::kernels::{
    Binding, Case, Dispatches, Family, Kernel, Literals, Needs, Planned, Reference, Shader, Unfit, input, word,
};
use tubelet::tensor::{Exact, Result, Shape, Tensor};

macro_rules! masked_sum {
    ($name:literal, $mask_row:literal, $wait:literal) => {
        Planned::any(
            Shader::new(
                concat!("masked_sum.", $name, ".wgsl"),
                concat!(
                    "
                struct Uniform { rows: u32, width: u32, masks: u32, }
                @group(0) @binding(0) var<uniform> call: Uniform;
                @group(0) @binding(1) var<storage, read> input: array<f32>;
                @group(0) @binding(2) var<storage, read> validity: array<u32>;
                @group(0) @binding(3) var<storage, read_write> output: array<f32>;

                var<workgroup> sums: array<f32, 64>;

                @compute @workgroup_size(64)
                fn main(
                    @builtin(workgroup_id) group: vec3<u32>,
                    @builtin(local_invocation_index) lane: u32,
                ) {
                    let row = group.x;
                    let mask = ",
                    $mask_row,
                    ";
                    var sum = 0.0;
                    for (var c = lane; c < call.width; c += 64u) {
                        sum += select(0.0, input[row * call.width + c], validity[mask * call.width + c] != 0u);
                    }
                    sums[lane] = sum;
                    ",
                    $wait,
                    "
                    for (var half = 32u; half > 0u; half /= 2u) {
                        if lane < half { sums[lane] += sums[lane + half]; }
                        ",
                    $wait,
                    "
                    }
                    if lane == 0u { output[row] = sums[0]; }
                }"
                ),
            ),
            Needs::invocations(64).workgroup_floats(64),
            plan,
        )
    };
}

static VARIANTS: [Planned<MaskedSum>; 3] = [
    masked_sum!("right", "row / (call.rows / call.masks)", "workgroupBarrier();"),
    masked_sum!("wrong_mask_row", "row % call.masks", "workgroupBarrier();"),
    masked_sum!("no_barrier", "row / (call.rows / call.masks)", ""),
];

fn plan(call: &MaskedSum, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let MaskedSum { rows, width, masks } = *call;
    let uniform = Uniform { rows: word(rows)?, width: word(width)?, masks: word(masks)? };
    dispatches.launch(rows as u64, Literals::new(), &uniform, vec![None, None, None])
}

/// Six rows under three masks, each with a third of the columns valid.
pub(crate) static MASKED_SUM: Family = Family::of::<MaskedSum>(
    "masked_sum",
    "out[m] = Σ_c in[m, c] where valid[b, c]",
    Uniform::FIELDS,
    &[Binding::read("input", "[M, C]"), Binding::read_words("validity", "[B, C]"), Binding::write("output", "[M]")],
    || {
        let call = MaskedSum { rows: 6, width: 100, masks: 3 };
        let validity = (0..300).map(|index| u32::from(index % 100 % 3 == index / 100)).collect();
        vec![Case::new("two rows a mask", call).given(1, Tensor::u32([3, 100], validity))]
    },
);

tubelet::uniform! {
    struct Uniform {
        rows: u32,
        width: u32,
        masks: u32,
    }
}

#[derive(Clone, Debug)]
struct MaskedSum {
    rows: usize,
    width: usize,
    masks: usize,
}

impl Kernel for MaskedSum {
    const FAMILY: &'static Family = &MASKED_SUM;
    const VARIANTS: &'static [Planned<Self>] = &VARIANTS;
    const REFERENCE: Reference<Self> = summed;

    fn operands(&self) -> Vec<Option<Shape>> {
        let Self { rows, width, masks } = *self;
        vec![Some([rows, width].into()), Some([masks, width].into()), Some([rows].into())]
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn operations(&self) -> u64 {
        (self.rows * self.width) as u64
    }
}

fn summed(call: &MaskedSum, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let (values, validity) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.words()?);
    let sum = |row: usize| {
        let mask = row / (call.rows / call.masks);
        let valid = |column: &usize| validity[mask * call.width + column] != 0;
        (0..call.width).filter(valid).map(|column| values[row * call.width + column]).sum()
    };
    Ok(vec![Exact::from_reals([call.rows], (0..call.rows).map(sum).collect())?])
}
