//! Attention rollout: how much of each token is in what a model has made of them (Abnar and Zuidema 2020, arXiv
//! 2005.00928), one layer at a time, from the last to the first.
//!
//! A layer with probabilities P_h takes the weights of its outputs to those of its inputs by the matrix
//! ½·I + ½·mean_h P_h. Only products with one vector are wanted, so no matrix is ever stored: with N = 3137 tokens each
//! would have 39 MB a head.

mod cases;
mod reference;

use std::ops::Range;

use crate::gpu::{Capabilities, Limits};
use crate::kernels::attention::cut::{Cut, Cutter, Parameters, Places};
use crate::kernels::attention::normaliser::{places, places_of_rows};
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::sequences::Part;
use crate::kernels::attention::tile::{PLAIN_INVOCATIONS, Tile};
use crate::kernels::contract::cut::{check_iterations, fold_groups, word};
use crate::kernels::contract::{Binding, Family, Kernel};
use crate::kernels::shader::{Class, Launch, Needs, Variant};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`AttentionRollout`].
pub static FAMILY: Family = Family {
    name: "attention_rollout",
    formula: "out[j] = keep · base[j] + pass · mean_h Σ_i weights[i] · P_h[i, j], P = attention probabilities",
    parameters: Parameters::FIELDS,
    bindings: &[
        Binding::read("query", "[3H, R, D] or [R, 3C]"),
        Binding::read("key", "[3H, R, D] or [R, 3C]"),
        Binding::read("normaliser", "[heads, 2, R]"),
        Binding::read("weights", "[R]"),
        Binding::read("base", "[R]"),
        Binding::read_words("validity", "[B, T]"),
        Binding::write("output", "[R]"),
    ],
    variants: &[
        Variant {
            name: "subgroup",
            file: "attention/rollout.subgroup.wgsl",
            text: include_str!("../../../../shaders/attention/rollout.subgroup.wgsl"),
            needs: Needs { subgroup: true, workgroup_bytes: Tile::SUBGROUP_BYTES, invocations: 0 },
            class: Class::Software,
        },
        Variant {
            name: "workgroup",
            file: "attention/rollout.workgroup.wgsl",
            text: include_str!("../../../../shaders/attention/rollout.workgroup.wgsl"),
            needs: Needs {
                subgroup: false,
                workgroup_bytes: Tile::SHARED_BYTES,
                invocations: Tile::SHARED_INVOCATIONS,
            },
            class: Class::Gpu,
        },
        Variant {
            name: "plain",
            file: "attention/rollout.wgsl",
            text: include_str!("../../../../shaders/attention/rollout.wgsl"),
            needs: Needs { subgroup: false, workgroup_bytes: 0, invocations: PLAIN_INVOCATIONS },
            class: Class::Any,
        },
    ],
    cases: cases::cases,
};

/// What the base counts for in a step of rollout, and what passes through attention.
pub const ROLLOUT: f32 = 0.5;

/// Hands the weight of each row, as a query, to the rows it attends to: `weights` · P, the mean over the heads of one
/// [`Part`] of attention.
///
/// - Rollout: `base` is `weights`, with `keep` and `pass` both [`ROLLOUT`].
/// - One layer's map for one query: `weights` is 1 there and 0 elsewhere, `keep` is `None`, `pass` is 1.
/// - Heads that attend in two ways (Model 4) are two calls, each with its share of `pass`: the first with `weights` as
///   its base, the second with the first one's output, of which it keeps 1.
///
/// `normaliser` is what [`AttentionNormaliser`](super::AttentionNormaliser) gives of the same part. A row of weight 0
/// takes no part, and costs next to nothing where its neighbours have none either. Query and key have the whole packed
/// tensor's shape, as in [`Attention`](super::Attention).
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionRollout {
    /// The packed queries, keys and values.
    pub qkv: Qkv,
    /// Which heads, within which sequences.
    pub part: Part,
    /// What the base counts for; `None` where the call is given none.
    pub keep: Option<f32>,
    /// What the mean over the heads counts for.
    pub pass: f32,
}

/// What a software device keeps near. Its workgroups go through the same queries one after another: where those of all heads
/// are more, a launch has fewer heads.
const CACHE_BYTES: usize = 1 << 20;

/// Queries that are added up before they meet the sum: a multiple of every block and step.
const RUN: u64 = 512;

/// What a launch's output begins with.
const BASE: u32 = 1;
const EARLIER: u32 = 2;

impl AttentionRollout {
    fn tile(&self, variant: &Variant, device: &Capabilities) -> Result<Tile> {
        let (width, tokens) = (self.qkv.width, self.part.sequences.tokens);
        // A workgroup goes through all heads, so there are fewer of them than attention has: hence tiles of few keys.
        Ok(match (variant.name, width) {
            ("workgroup", 0..=64) if tokens > 16 => Tile::Shared { queries: 32, lanes: 16, rows: 4 },
            ("workgroup", 65..=128) if tokens > 16 => Tile::Shared { queries: 32, lanes: 8, rows: 2 },
            ("workgroup", _) if tokens > 16 => Tile::Shared { queries: 32, lanes: 4, rows: 1 },
            _ => Tile::of(variant, device, width, tokens, &self.part.mask)?,
        })
    }

    /// The heads in runs that one invocation may go through.
    fn runs_of_heads(&self, tile: Tile, limits: &Limits) -> Result<Vec<Range<usize>>> {
        let heads = &self.part.heads;
        let iterations = self.iterations_of_a_head(tile);
        check_iterations(iterations, limits)?;
        let run = limits.loop_iterations.map_or(heads.len(), |most| (u64::from(most) / (1 + iterations)) as usize);
        let run = match tile {
            Tile::Subgroup { .. } => run.min(CACHE_BYTES / (4 * self.part.sequences.tokens * self.qkv.width)),
            _ => run,
        };
        Ok(heads.clone().step_by(run.max(1)).map(|start| start..heads.end.min(start + run.max(1))).collect())
    }

    /// Loop iterations of an invocation for each head it goes through.
    fn iterations_of_a_head(&self, tile: Tile) -> u64 {
        // Devices that limit iterations count up to two more than a loop has turns.
        let looped = |turns: u64, inner: u64| turns * (1 + inner) + 2;
        let (tokens, quads) = (self.part.sequences.tokens as u64, self.qkv.width.div_ceil(4) as u64);
        let (runs, run) = (tokens.div_ceil(RUN), tokens.min(RUN));
        match tile {
            Tile::Plain { step } => looped(runs, looped(run.div_ceil(u64::from(step)), 0)),
            Tile::Subgroup { keys, .. } => {
                let block = looped(1, 0) + looped(quads, 0);
                looped(quads, 0) + looped(runs, looped(run.div_ceil(u64::from(keys)), block))
            }
            Tile::Shared { queries, lanes, rows } => {
                let (others, invocations) = (u64::from(4 * lanes), u64::from(queries / rows * lanes));
                let staging =
                    looped(others.div_ceil(invocations), 0) + looped((others * quads).div_ceil(invocations), 0);
                looped(tokens.div_ceil(others), staging + looped(quads, 0))
            }
        }
    }

    fn cuts(&self, heads: Range<usize>, limits: &Limits) -> Result<Vec<Cut>> {
        let Self { qkv, part, .. } = self;
        let of_queries = |places| Places { all_tokens: true, ..places };
        let of_keys = |places| Places { all_tokens: false, ..places };
        let rows = places_of_rows(part);
        let inputs = [
            of_queries(Places::of_input(qkv, part, 0)),
            of_keys(Places::of_input(qkv, part, 1)),
            of_queries(places(qkv, part)),
            of_queries(rows),
            rows,
        ];
        let queries = 0..part.sequences.tokens;
        let part = &Part { heads, ..part.clone() };
        Cutter { qkv, part, queries, inputs: &inputs, output: rows, limits }.cut()
    }

    fn launch(&self, cut: Cut, tile: Tile, limits: &Limits) -> Result<Launch> {
        let Cut { mut parameters, windows, bases, heads } = cut;
        let first = heads.start == self.part.heads.start;
        let groups = tile.groups(&Parameters { heads: 1, ..parameters })?;
        parameters.groups = word(groups as usize)?;
        parameters.rows = word(self.qkv.rows)?;
        [parameters.normaliser_base, parameters.weights_base, parameters.base_base] = [bases[2], bases[3], bases[4]];
        parameters.begin = match self.keep {
            _ if !first => EARLIER,
            Some(_) => BASE,
            None => 0,
        };
        parameters.keep = self.keep.unwrap_or(0.0);
        parameters.share = self.pass / self.part.heads.len() as f32;
        Ok(Launch {
            literals: tile.literals(self.qkv.width).with("run", RUN),
            parameters: bytemuck::bytes_of(&parameters).to_vec(),
            groups: fold_groups(groups, limits)?,
            windows,
        })
    }
}

impl Kernel for AttentionRollout {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn operands(&self) -> Vec<Option<Shape>> {
        let (packed, rows) = (Some(self.qkv.shape()), Some(Shape::from([self.qkv.rows])));
        let normaliser = Some([self.part.heads.len(), 2, self.qkv.rows].into());
        let base = self.keep.and(rows.clone());
        vec![packed.clone(), packed, normaliser, rows.clone(), base, self.part.validity(), rows]
    }

    fn validate(&self) -> Result<()> {
        self.qkv.validate()?;
        self.part.validate(&self.qkv, &(0..self.part.sequences.tokens))?;
        match self.keep {
            Some(keep) if !keep.is_finite() => Err(Error::usage(format!("a base cannot count for {keep}"))),
            _ if !self.pass.is_finite() => Err(Error::usage(format!("attention cannot count for {}", self.pass))),
            _ => Ok(()),
        }
    }

    fn operations(&self) -> u64 {
        // For each query and key: a product over D; difference, exponential, product, sum.
        let pairs = self.part.heads.len() * self.qkv.rows * self.part.sequences.tokens;
        pairs as u64 * (2 * self.qkv.width as u64 + 4)
    }

    fn bytes_read(&self) -> u64 {
        let validity = self.part.validity().map_or(0, |validity| validity.elements());
        let vectors = 1 + usize::from(self.keep.is_some()) + 2 * self.part.heads.len();
        let packed = self.part.bytes_read(self.qkv.width, self.part.sequences.tokens, 1);
        packed + 4 * (validity + vectors * self.qkv.rows) as u64
    }

    fn launches(&self, variant: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        let tile = self.tile(variant, device)?;
        let mut launches = Vec::new();
        for heads in self.runs_of_heads(tile, &device.limits)? {
            for cut in self.cuts(heads, &device.limits)? {
                launches.push(self.launch(cut, tile, &device.limits)?);
            }
        }
        Ok(launches)
    }

    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        reference::attention_rollout(self, inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::attention::mask::Mask;
    use crate::kernels::attention::normaliser::AttentionNormaliser;
    use crate::kernels::attention::probabilities::AttentionProbabilities;
    use crate::kernels::attention::sequences::Sequences;

    const TOKENS: usize = 7;
    const HEADS: usize = 4;

    fn rollout(heads: Range<usize>) -> AttentionRollout {
        let part = Part { heads, sequences: Sequences::joint(1, TOKENS), mask: Mask::NONE };
        AttentionRollout { qkv: Qkv::in_planes(TOKENS, HEADS, 3), part, keep: Some(ROLLOUT), pass: ROLLOUT }
    }

    fn waves(shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        let values: Vec<f32> = (0..shape.elements()).map(|place| 2.0 * (1.7 * place as f32).sin()).collect();
        Tensor::f32(shape, values).unwrap()
    }

    fn weights() -> Tensor {
        Tensor::f32([TOKENS], (0..TOKENS).map(|row| row as f32 / 21.0).collect::<Vec<_>>()).unwrap()
    }

    /// The step by its reference, after the normaliser by its own.
    fn step(call: &AttentionRollout, base: &Tensor) -> Vec<f32> {
        let (qkv, weights) = (waves(call.qkv.shape()), weights());
        let normaliser = AttentionNormaliser { qkv: call.qkv.clone(), part: call.part.clone(), weighted: true };
        let normaliser = normaliser.reference(&[Some(&qkv), Some(&qkv), Some(&weights), None]).unwrap().remove(0);
        let inputs = [Some(&qkv), Some(&qkv), Some(&normaliser), Some(&weights), Some(base), None];
        call.reference(&inputs).unwrap().remove(0).as_f32().unwrap().to_vec()
    }

    fn assert_close(actual: &[f32], expected: &[f32]) {
        let close = actual.iter().zip(expected).all(|(actual, expected)| (actual - expected).abs() < 1e-6);
        assert!(close && actual.len() == expected.len(), "{actual:?} instead of {expected:?}");
    }

    #[test]
    fn a_step_is_a_product_with_the_mean_of_the_probabilities() {
        let call = rollout(0..HEADS);
        let (qkv, weights) = (waves(call.qkv.shape()), weights());
        let stored = AttentionProbabilities { qkv: call.qkv.clone(), part: call.part.clone(), queries: 0..TOKENS };
        let stored = stored.reference(&[Some(&qkv), Some(&qkv), None]).unwrap().remove(0);
        let (stored, weights) = (stored.as_f32().unwrap(), weights.as_f32().unwrap());
        let mut expected: Vec<f32> = weights.iter().map(|weight| 0.5 * weight).collect();
        for (place, probability) in stored.iter().enumerate() {
            expected[place % TOKENS] += 0.5 / HEADS as f32 * weights[place / TOKENS % TOKENS] * probability;
        }
        assert_close(&step(&call, &self::weights()), &expected);
        assert!((expected.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn heads_that_attend_in_two_ways_are_two_calls() {
        let first = AttentionRollout { pass: 0.25, ..rollout(0..2) };
        let second = AttentionRollout { keep: Some(1.0), pass: 0.25, ..rollout(2..HEADS) };
        let between = Tensor::f32([TOKENS], step(&first, &weights())).unwrap();
        assert_close(&step(&second, &between), &step(&rollout(0..HEADS), &weights()));
    }

    #[test]
    fn what_counts_for_no_number_is_rejected() {
        rollout(0..HEADS).validate().unwrap();
        assert!(AttentionRollout { keep: Some(f32::NAN), ..rollout(0..HEADS) }.validate().is_err());
        assert!(AttentionRollout { pass: f32::INFINITY, ..rollout(0..HEADS) }.validate().is_err());
    }
}
