//! The names and layouts in which scenic's tensors were recorded.

use std::collections::BTreeMap;

use libtest_mimic::Failed;
use tubelet::engine::{Classes, HeadClasses};
use tubelet::tensor::{Result, Tensor};
use tubelet::vivit::{Config, Labelling, Model};

/// Where a recorded tensor is found in our forward pass.
pub(crate) struct Place {
    /// The value that holds it.
    pub(crate) tap: String,
    part: Part,
    /// Whether its rows are recorded position by position, [B·S, T], where ours are [B, T·S].
    by_position: bool,
}

/// Which part of the value it is.
enum Part {
    Whole,
    /// Queries (0), keys (1) or values (2) of the packed three.
    Projection(usize),
    /// The logits of the label head of this name.
    Head(String),
    /// The probabilities of every combination of the heads' classes.
    Joint,
}

impl Place {
    /// The place of a value that was recorded as we call it.
    pub(crate) fn ours(name: &str) -> Self {
        Self { tap: name.to_owned(), part: Part::Whole, by_position: false }
    }

    /// The place of the tensor recorded as `name`; `None` for a name that is not known.
    pub(crate) fn of(name: &str, config: &Config) -> Option<Self> {
        let place = |tap: String| Self::ours(&tap);
        if let Some((encoder, rest)) = name.split_once('/') {
            let stage = match encoder {
                "SpatialTransformer" => "spatial.",
                "TemporalTransformer" => "temporal.",
                _ => "",
            };
            return match rest {
                "after_posembed" => Some(place(format!("{stage}embeddings"))),
                "after_encoder_norm" => Some(place(format!("{stage}sequence_output"))),
                block => Self::in_block(stage, block),
            };
        }
        let named = |head: &str| Self { part: Part::Head(head.to_owned()), ..place("logits".to_owned()) };
        match name {
            "embedding" => Some(place("patch_embeddings".to_owned())),
            // The output of the module of that name, where there is one: tanh follows outside of it.
            "pre_logits" if config.representation_size.is_some() => Some(place("pre_logits_input".to_owned())),
            "pre_logits" => Some(place("pooled".to_owned())),
            "logits" | "frame_representation" => Some(place(name.to_owned())),
            "joint_probs" => Some(Self { part: Part::Joint, ..place("logits".to_owned()) }),
            _ => name.strip_prefix("logits.").map(named),
        }
    }

    /// The place of `encoderblock_I` and what is in it.
    fn in_block(stage: &str, name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix("encoderblock_")?.split('/');
        let layer: usize = parts.next()?.parse().ok()?;
        let (module, inside) = (parts.next(), parts.next());
        let axis = match module.and_then(|module| module.rsplit_once('_')) {
            Some((_, "time")) => "time.",
            Some((_, "space")) => "space.",
            _ => "",
        };
        let tap = |value: &str| format!("{stage}{axis}{value}.{layer}");
        let (tap, part) = match (module, inside) {
            (None, _) => (format!("{stage}hidden_state.{}", layer + 1), Part::Whole),
            (Some("LayerNorm_0" | "LayerNorm_space" | "LayerNorm_time"), _) => (tap("layernorm_before"), Part::Whole),
            (Some("LayerNorm_1" | "LayerNorm_mlp"), _) => (tap("layernorm_after"), Part::Whole),
            (Some(module), None) if module.starts_with("Mlp") => (tap("mlp_output"), Part::Whole),
            (Some(_), Some("Dense_0")) => (tap("mlp_input"), Part::Whole),
            (Some(_), Some("mlp1")) => (tap("mlp_hidden"), Part::Whole),
            (Some(_), Some("Dense_1")) => (tap("mlp_output"), Part::Whole),
            (Some(_), None) => (tap("attention_output"), Part::Whole),
            (Some(_), Some("query")) => (tap("qkv"), Part::Projection(0)),
            (Some(_), Some("key")) => (tap("qkv"), Part::Projection(1)),
            (Some(_), Some("value")) => (tap("qkv"), Part::Projection(2)),
            _ => return None,
        };
        Some(Self { tap, part, by_position: axis == "time." })
    }

    /// Our value in the layout of the recorded tensor.
    pub(crate) fn read(
        &self,
        found: &BTreeMap<String, Tensor>,
        config: &Config,
        recorded: &Tensor,
    ) -> Result<Tensor, Failed> {
        let value = found.get(&self.tap).ok_or_else(|| format!("{} is missing", self.tap))?;
        let rows = match &self.part {
            Part::Whole => rows(value.as_f32()?, value.shape().last()),
            Part::Projection(which) => projection(value, *which)?,
            Part::Head(name) => head(value, config, name)?,
            Part::Joint => joint(value, config)?,
        };
        let rows = if self.by_position { position_by_position(rows, config) } else { rows };
        Ok(Tensor::f32(recorded.shape().clone(), rows.concat())?)
    }
}

fn rows(values: &[f32], width: usize) -> Vec<Vec<f32>> {
    values.chunks(width).map(<[f32]>::to_vec).collect()
}

/// Rows of one projection, head by head, out of `[3H, R, D]`.
fn projection(packed: &Tensor, which: usize) -> Result<Vec<Vec<f32>>> {
    let [planes, tokens, width] = *packed.shape().axes() else { return Ok(Vec::new()) };
    let heads = planes / 3;
    let values = packed.as_f32()?;
    let row = |token: usize| {
        let plane = |head: usize| &values[((which * heads + head) * tokens + token) * width..][..width];
        (0..heads).flat_map(|head| plane(head).to_vec()).collect()
    };
    Ok((0..tokens).map(row).collect())
}

fn head(logits: &Tensor, config: &Config, name: &str) -> Result<Vec<Vec<f32>>, Failed> {
    let Labelling::Heads(heads) = &config.labelling else { return Err("the model has one head".into()) };
    let place = heads.iter().position(|head| head.name == name).ok_or_else(|| format!("no head is called {name}"))?;
    let start: usize = heads[..place].iter().map(|head| head.classes).sum();
    let of_clip = |logits: &[f32]| logits[start..][..heads[place].classes].to_vec();
    Ok(logits.as_f32()?.chunks(config.classes).map(of_clip).collect())
}

/// The joint distribution of each clip, the first head outermost, and that the best of it comes first.
fn joint(logits: &Tensor, config: &Config) -> Result<Vec<Vec<f32>>, Failed> {
    let of_clip = |logits: &[f32]| -> Result<Vec<f32>, Failed> {
        let classes = Classes::new(logits, &config.labelling, None)?;
        let heads: Vec<_> = classes.heads().collect();
        let joint = |(sum, head): (Vec<f32>, &HeadClasses<'_>)| -> Vec<f32> {
            let with = |before: &f32| head.all().iter().map(|class| before * class.probability).collect::<Vec<_>>();
            sum.iter().flat_map(with).collect()
        };
        let all = heads.iter().fold(vec![1.0], |sum, head| joint((sum, head)));
        let best = classes.top(1)[0].clone();
        let peak = (0..all.len()).max_by(|a, b| all[*a].total_cmp(&all[*b]));
        assert_eq!(Some(best.index), peak);
        assert!((best.probability - all[best.index]).abs() < 1e-6);
        Ok(all)
    };
    logits.as_f32()?.chunks(config.classes).map(of_clip).collect()
}

/// Rows [B, T, S] as [B, S, T].
fn position_by_position(rows: Vec<Vec<f32>>, config: &Config) -> Vec<Vec<f32>> {
    assert!(matches!(config.model, Model::FactorisedSelfAttention(_)));
    let (times, positions) = (config.grid().temporal, config.grid().spatial());
    let clip = |rows: &[Vec<f32>]| -> Vec<Vec<f32>> {
        let of_position = |position: usize| (0..times).map(move |time| time * positions + position);
        (0..positions).flat_map(of_position).map(|row| rows[row].clone()).collect()
    };
    rows.chunks(times * positions).flat_map(clip).collect()
}
