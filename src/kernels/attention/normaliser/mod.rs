//! What the softmax of attention divides by, for each query and head: with it a probability can be computed anywhere, and
//! none has to be stored (the statistics of FlashAttention's backward pass; Dao et al. 2022, arXiv 2205.14135).

mod cases;
mod reference;

use crate::gpu::Capabilities;
use crate::kernels::attention::cut::{Cut, Cutter, Parameters, Places};
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::sequences::Part;
use crate::kernels::attention::tile::{PLAIN_INVOCATIONS, Tile};
use crate::kernels::contract::cut::{check_iterations, fold_groups, word};
use crate::kernels::contract::{Binding, Family, Kernel};
use crate::kernels::shader::{Class, Launch, Needs, Variant};
use crate::tensor::{Result, Shape, Tensor};

/// The declaration of [`AttentionNormaliser`].
pub static FAMILY: Family = Family {
    name: "attention_normaliser",
    formula: "out[h, 0, i] = max_j s[i, j], out[h, 1, i] = Σ_j exp(s[i, j] − out[h, 0, i]), s = q · k / √D",
    parameters: Parameters::FIELDS,
    bindings: &[
        Binding::read("query", "[3H, R, D] or [R, 3C]"),
        Binding::read("key", "[3H, R, D] or [R, 3C]"),
        Binding::read("weights", "[R]"),
        Binding::read_words("validity", "[B, T]"),
        Binding::write("output", "[heads, 2, R]"),
    ],
    variants: &[
        Variant {
            name: "subgroup",
            file: "attention/normaliser.subgroup.wgsl",
            text: include_str!("../../../../shaders/attention/normaliser.subgroup.wgsl"),
            needs: Needs { subgroup: true, workgroup_bytes: Tile::SUBGROUP_BYTES, invocations: 0 },
            class: Class::Software,
        },
        Variant {
            name: "workgroup",
            file: "attention/normaliser.workgroup.wgsl",
            text: include_str!("../../../../shaders/attention/normaliser.workgroup.wgsl"),
            needs: Needs {
                subgroup: false,
                workgroup_bytes: Tile::SHARED_BYTES,
                invocations: Tile::SHARED_INVOCATIONS,
            },
            class: Class::Gpu,
        },
        Variant {
            name: "plain",
            file: "attention/normaliser.wgsl",
            text: include_str!("../../../../shaders/attention/normaliser.wgsl"),
            needs: Needs { subgroup: false, workgroup_bytes: 0, invocations: PLAIN_INVOCATIONS },
            class: Class::Any,
        },
    ],
    cases: cases::cases,
};

/// The highest score of each query of one [`Part`] of attention, and the sum of the exponentials of all its scores less
/// that: `[heads, 2, R]` for the heads of the part and the R rows of the packed tensor.
///
/// Both are 0 for a query that sees no key, and NaN where one of its scores is. The operands of query and key have the whole
/// packed tensor's shape, as in [`Attention`](super::Attention).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttentionNormaliser {
    /// The packed queries, keys and values.
    pub qkv: Qkv,
    /// Which heads, within which sequences.
    pub part: Part,
    /// Whether the call is given weights of the rows, `[R]`. A row of weight 0 is left out: it costs next to nothing, and
    /// both of its numbers are 0.
    pub weighted: bool,
}

/// Where a part keeps its pairs of numbers: in planes of R rows, two a head.
pub(super) fn places(qkv: &Qkv, part: &Part) -> Places {
    let head = 2 * qkv.rows;
    let origin = -((part.heads.start * head) as i64);
    Places { origin, strides: Places::strides(part, 1, head), run: qkv.rows + 1, all_tokens: false }
}

/// Where a part finds one number a row.
pub(super) fn places_of_rows(part: &Part) -> Places {
    Places { origin: 0, strides: Places::strides(part, 1, 0), run: 1, all_tokens: false }
}

impl Kernel for AttentionNormaliser {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn operands(&self) -> Vec<Option<Shape>> {
        let (packed, rows) = (Some(self.qkv.shape()), self.qkv.rows);
        let weights = self.weighted.then(|| [rows].into());
        vec![packed.clone(), packed, weights, self.part.validity(), Some([self.part.heads.len(), 2, rows].into())]
    }

    fn validate(&self) -> Result<()> {
        self.qkv.validate()?;
        self.part.validate(&self.qkv, &(0..self.part.sequences.tokens))
    }

    fn operations(&self) -> u64 {
        // For each query and key: a product over D; maximum, difference, exponential, sum.
        let pairs = self.part.heads.len() * self.qkv.rows * self.part.sequences.tokens;
        pairs as u64 * (2 * self.qkv.width as u64 + 4)
    }

    fn bytes_read(&self) -> u64 {
        let validity = self.part.validity().map_or(0, |validity| validity.elements());
        let weights = if self.weighted { self.qkv.rows } else { 0 };
        4 * (validity + weights) as u64 + self.part.bytes_read(self.qkv.width, self.part.sequences.tokens, 1)
    }

    fn launches(&self, variant: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        let Self { qkv, part, weighted } = self;
        let (width, tokens) = (qkv.width, part.sequences.tokens);
        let tile = Tile::of(variant, device, width, tokens, &part.mask)?;
        check_iterations(tile.iterations(width, part), &device.limits)?;
        let [query, key] = [0, 1].map(|which| Places::of_input(qkv, part, which));
        let cutter = Cutter {
            qkv,
            part,
            queries: 0..tokens,
            inputs: &[query, key, places_of_rows(part)],
            output: places(qkv, part),
            limits: &device.limits,
        };
        let launch = |Cut { mut parameters, windows, bases, .. }: Cut| {
            let groups = tile.groups(&parameters)?;
            parameters.groups = word(groups as usize)?;
            parameters.rows = word(qkv.rows)?;
            parameters.weighted = (*weighted).into();
            parameters.weights_base = bases[2];
            Ok(Launch {
                literals: tile.literals(width),
                parameters: bytemuck::bytes_of(&parameters).to_vec(),
                groups: fold_groups(groups, &device.limits)?,
                windows,
            })
        };
        cutter.cut()?.into_iter().map(launch).collect()
    }

    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        reference::attention_normaliser(self, inputs)
    }
}
