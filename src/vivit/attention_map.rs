//! What a model looks at: attention rollout and single layers, recorded beside the forward pass.
//!
//! The shares of tokens at the top are handed down layer by layer, as one vector: no N×N matrix is stored
//! (Abnar and Zuidema, 2020, arXiv 2005.00928, with ½ for the residual path and the mean over heads).

use std::fmt;
use std::str::FromStr;

use super::recording::RecordedAttention;
use super::{AttentionAxis, Config, Encoder, Recording, Request};
use crate::graph::{Graph, Value};
use crate::kernels::attention::AttentionNormaliser;
use crate::kernels::attention::Part;
use crate::kernels::attention::{AttentionRollout, ROLLOUT};
use crate::tensor::{Element, Error, Result};

/// Which attention is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttentionLayer {
    /// All layers together: rollout.
    #[default]
    Rollout,
    /// One block of an encoder, its residual path left out.
    Block {
        /// The encoder; the only one of a model is [`Encoder::Clip`].
        encoder: Encoder,
        /// Index of the block, from 0.
        layer: usize,
        /// One head alone instead of the mean over all.
        head: Option<usize>,
    },
}

/// `rollout`, or a layer, counted from 0: `11`, `spatial.11`; one head of it: `spatial.11:3`.
impl fmt::Display for AttentionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rollout => f.write_str("rollout"),
            Self::Block { encoder, layer, head: None } => write!(f, "{}{layer}", encoder.prefix()),
            Self::Block { encoder, layer, head: Some(head) } => write!(f, "{}{layer}:{head}", encoder.prefix()),
        }
    }
}

impl FromStr for AttentionLayer {
    type Err = Error;

    /// What [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self> {
        if text == "rollout" {
            return Ok(Self::Rollout);
        }
        let wrong = || {
            Error::usage(format!(
                "the layer of an attention map is rollout, or one such as 11 or spatial.11, and 11:3 its head 3, not {text:?}"
            ))
        };
        let (block, head) = text.split_once(':').map_or((text, None), |(block, head)| (block, Some(head)));
        let (encoder, layer) = block.split_at(block.rfind('.').map_or(0, |dot| dot + 1));
        let head = head.map(|head| head.parse().map_err(|_| wrong())).transpose()?;
        Ok(Self::Block { encoder: encoder.parse()?, layer: layer.parse().map_err(|_| wrong())?, head })
    }
}

/// One map: shares of attention, handed from the tokens at the top of an encoder down to those at its bottom.
#[derive(Clone, Debug)]
pub(crate) struct RecordedMap {
    /// The encoder whose tokens these are.
    pub encoder: Encoder,
    /// Over what its tokens attend.
    pub axis: AttentionAxis,
    /// The name of the input that holds the shares at the top, `[R]`: one for each row.
    pub seed: String,
    /// The shares at the bottom, `[R]`.
    pub shares: Value,
}

/// A forward pass with maps of its attention.
#[derive(Clone, Debug)]
pub(crate) struct MapRecording {
    /// The forward pass; its graph computes the maps too.
    pub recording: Recording,
    /// The maps, encoder by encoder.
    pub maps: Vec<RecordedMap>,
}

/// Records the forward pass of `request` and the maps of `layer` beside it.
///
/// # Errors
///
/// A layer or head that the model does not have, with those that it has.
pub(crate) fn record_attention_maps(
    config: &Config,
    request: &Request,
    layer: &AttentionLayer,
) -> Result<MapRecording> {
    // Rollout takes whole vectors through every layer. One layer's map mostly asks for a single query, whose normaliser
    // costs next to nothing.
    let statistics = matches!(layer, AttentionLayer::Rollout);
    let mut recording = super::record(config, &Request { statistics, ..request.clone() })?;
    let maps = match layer {
        AttentionLayer::Rollout => rollout(&mut recording)?,
        AttentionLayer::Block { encoder, layer, head } => block(&mut recording, *encoder, *layer, *head)?,
    };
    maps.iter().try_for_each(|map| recording.graph.output(map.shares))?;
    Ok(MapRecording { recording, maps })
}

/// A map for each encoder, from its last layer to its first.
fn rollout(recording: &mut Recording) -> Result<Vec<RecordedMap>> {
    let Recording { graph, attentions, .. } = recording;
    let of_encoder = |encoder| attentions.iter().rev().filter(move |attention| attention.encoder() == encoder);
    let mut maps = Vec::new();
    for encoder in Encoder::ALL {
        let Some(top) = of_encoder(encoder).next() else { continue };
        let seed = encoder.value("seed");
        let mut shares = graph.input(&seed, [top.packing.rows], Element::F32)?;
        for attention in of_encoder(encoder) {
            let residual = Some((shares, ROLLOUT));
            let parts: Vec<_> = attention.parts.iter().map(|(_, part)| part).collect();
            let name = attention.layer.value("rollout");
            shares = hand_down(graph, attention, &parts, shares, residual, ROLLOUT, &name)?;
        }
        maps.push(RecordedMap { encoder, axis: AttentionAxis::Whole, seed, shares });
    }
    Ok(maps)
}

/// The maps of one block: one for each way in which its tokens attend.
fn block(recording: &mut Recording, encoder: Encoder, layer: usize, head: Option<usize>) -> Result<Vec<RecordedMap>> {
    let chosen: Vec<_> = recording
        .attentions
        .iter()
        .filter(|attention| attention.encoder() == encoder && attention.layer() == layer)
        .cloned()
        .collect();
    let Some(heads) = chosen.first().map(|attention| attention.packing.heads) else {
        return Err(unknown_block(recording, encoder, layer));
    };
    if let Some(head) = head.filter(|head| *head >= heads) {
        return Err(Error::usage(format!("there is no head {head}: the block has {heads}, from 0 on")));
    }
    let mut maps = Vec::new();
    for attention in &chosen {
        for (axis, part) in &attention.parts {
            let part = match head {
                Some(head) if part.heads.contains(&head) => Part { heads: head..head + 1, ..part.clone() },
                Some(_) => continue,
                None => part.clone(),
            };
            let name = |what: &str| format!("{}{what}.{}{layer}", encoder.prefix(), axis.name());
            let seed = name("seed");
            let top = recording.graph.input(&seed, [attention.packing.rows], Element::F32)?;
            let shares = hand_down(&mut recording.graph, attention, &[&part], top, None, 1.0, &name("attention_map"))?;
            maps.push(RecordedMap { encoder, axis: *axis, seed, shares });
        }
    }
    Ok(maps)
}

/// `shares` at a layer's output as shares at its input: keep · residual + pass · shares · P, where `residual` is
/// (residual, keep) and P the mean over all heads of `parts`.
fn hand_down(
    graph: &mut Graph,
    attention: &RecordedAttention,
    parts: &[&Part],
    shares: Value,
    residual: Option<(Value, f32)>,
    pass: f32,
    name: &str,
) -> Result<Value> {
    let RecordedAttention { qkv, packing, validity, statistics, .. } = attention;
    let heads: usize = parts.iter().map(|part| part.heads.len()).sum();
    let mut base = residual;
    for (index, part) in parts.iter().enumerate() {
        let validity = validity.filter(|_| part.mask.validity);
        let (normaliser, normalised) = match statistics {
            Some(statistics) => (*statistics, 0..packing.heads),
            None => {
                let call = AttentionNormaliser { qkv: packing.clone(), part: (*part).clone(), weighted: true };
                let shape = [part.heads.len(), 2, packing.rows];
                let operands = [Some(*qkv), Some(*qkv), Some(shares), validity];
                (graph.call(call, &operands, &format!("{name}.normaliser.{index}"), shape)?, part.heads.clone())
            }
        };
        let call = AttentionRollout {
            qkv: packing.clone(),
            part: (*part).clone(),
            normalised,
            keep: base.map(|(_, keep)| keep),
            pass: pass * part.heads.len() as f32 / heads as f32,
        };
        let operands = [Some(*qkv), Some(*qkv), Some(normaliser), Some(shares), base.map(|(base, _)| base), validity];
        let last = index + 1 == parts.len();
        let name = if last { name.to_owned() } else { format!("{name}.{index}") };
        base = Some((graph.call(call, &operands, &name, [packing.rows])?, 1.0));
    }
    base.map(|(value, _)| value).ok_or_else(|| Error::usage("a block without heads"))
}

fn unknown_block(recording: &Recording, encoder: Encoder, layer: usize) -> Error {
    let last = |encoder: Encoder| {
        let of_encoder = recording.attentions.iter().filter(|attention| attention.encoder() == encoder);
        of_encoder.map(RecordedAttention::layer).max().map(|last| format!("{0}0 to {0}{last}", encoder.prefix()))
    };
    let known: Vec<_> = Encoder::ALL.into_iter().filter_map(last).collect();
    Error::usage(format!("the model has no layer {}{layer}; it has {}", encoder.prefix(), known.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_survive_text() {
        for encoder in Encoder::ALL {
            for head in [None, Some(3)] {
                let layer = AttentionLayer::Block { encoder, layer: 11, head };
                assert_eq!(layer.to_string().parse::<AttentionLayer>().unwrap(), layer);
            }
        }
        assert_eq!("rollout".parse::<AttentionLayer>().unwrap(), AttentionLayer::Rollout);
        let spatial = AttentionLayer::Block { encoder: Encoder::Spatial, layer: 3, head: Some(0) };
        assert_eq!("spatial.3:0".parse::<AttentionLayer>().unwrap(), spatial);
        for wrong in ["spatial", "video.1", "-1", "1:", "1:x", ""] {
            assert!(wrong.parse::<AttentionLayer>().is_err(), "{wrong}");
        }
    }
}
