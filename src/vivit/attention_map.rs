//! What a model looks at: attention rollout and single layers, recorded beside the forward pass.
//!
//! The weights of tokens at the top are handed down layer by layer, as one vector: no N×N matrix is stored
//! (Abnar and Zuidema, 2020, arXiv 2005.00928, with ½ for the residual path and the mean over heads).

use super::{Axis, Config, RecordedAttention, Recording, Request, Scope};
use crate::graph::{Graph, Value};
use crate::kernels::attention::AttentionNormaliser;
use crate::kernels::attention::Part;
use crate::kernels::attention::{AttentionRollout, ROLLOUT};
use crate::tensor::{Element, Error, Result};

/// Which attention is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AttentionLayer {
    /// All layers together: rollout.
    #[default]
    Rollout,
    /// One block of an encoder, its residual path left out.
    Block {
        /// What the names of the encoder's values begin with: empty, or in Model 2 `spatial.` or `temporal.`.
        encoder: String,
        /// Index of the block, from 0.
        layer: usize,
        /// One head alone instead of the mean over all.
        head: Option<usize>,
    },
}

/// One map in the making: weights handed from tokens at the top to tokens at the bottom.
#[derive(Clone, Debug)]
pub struct RecordedMap {
    /// What the encoder whose tokens these are sees at a time.
    pub scope: Scope,
    /// Over what its tokens attend.
    pub axis: Axis,
    /// The input that holds the weights at the top, one for each row `[R]`.
    pub seed: String,
    /// The weights at the bottom, `[R]`.
    pub weights: Value,
    /// Tokens of a sequence of the encoder, its class token included.
    pub tokens: usize,
}

/// A forward pass with maps of its attention.
#[derive(Clone, Debug)]
pub struct MapRecording {
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
pub fn record_attention_maps(config: &Config, request: &Request, layer: &AttentionLayer) -> Result<MapRecording> {
    // Rollout takes whole vectors through every layer. One layer's map mostly asks for a single query, whose normaliser
    // costs next to nothing.
    let statistics = matches!(layer, AttentionLayer::Rollout);
    let mut recording = super::record(config, &Request { statistics, ..request.clone() })?;
    let maps = match layer {
        AttentionLayer::Rollout => rollout(&mut recording)?,
        AttentionLayer::Block { encoder, layer, head } => block(&mut recording, encoder, *layer, *head)?,
    };
    maps.iter().try_for_each(|map| recording.graph.output(map.weights))?;
    Ok(MapRecording { recording, maps })
}

/// A map for each encoder, from its last layer to its first.
fn rollout(recording: &mut Recording) -> Result<Vec<RecordedMap>> {
    let mut encoders: Vec<String> = Vec::new();
    for attention in &recording.attentions {
        if !encoders.contains(&attention.encoder) {
            encoders.push(attention.encoder.clone());
        }
    }
    let all = std::mem::take(&mut recording.attentions);
    let maps = encoders.into_iter().map(|encoder| {
        let of_encoder: Vec<_> = all.iter().filter(|attention| attention.encoder == encoder).collect();
        let rows = of_encoder[0].packing.rows;
        let seed = format!("{encoder}seed");
        let mut weights = recording.graph.input(&seed, [rows], Element::F32)?;
        for attention in of_encoder.iter().rev() {
            let residual = Some((weights, ROLLOUT));
            let name = format!("{}rollout.{}", attention.stage, attention.layer);
            let parts: Vec<_> = attention.parts.iter().map(|(_, part)| part).collect();
            weights = hand_down(&mut recording.graph, attention, &parts, weights, residual, ROLLOUT, &name)?;
        }
        let RecordedAttention { scope, tokens, .. } = *of_encoder[0];
        Ok(RecordedMap { scope, axis: Axis::Whole, seed, weights, tokens })
    });
    let maps = maps.collect();
    recording.attentions = all;
    maps
}

/// The maps of one block: one for each way in which its tokens attend.
fn block(recording: &mut Recording, encoder: &str, layer: usize, head: Option<usize>) -> Result<Vec<RecordedMap>> {
    let chosen: Vec<_> = recording
        .attentions
        .iter()
        .filter(|attention| attention.encoder == encoder && attention.layer == layer)
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
            let name = |what: &str| format!("{encoder}{what}.{}{layer}", axis.name());
            let seed = name("seed");
            let top = recording.graph.input(&seed, [attention.packing.rows], Element::F32)?;
            let weights = hand_down(&mut recording.graph, attention, &[&part], top, None, 1.0, &name("attention_map"))?;
            let RecordedAttention { scope, tokens, .. } = *attention;
            maps.push(RecordedMap { scope, axis: *axis, seed, weights, tokens });
        }
    }
    Ok(maps)
}

/// `weights` at a layer's output as weights at its input: residual · share + pass · weights · P, P being the mean over
/// all heads of `parts`.
fn hand_down(
    graph: &mut Graph,
    attention: &RecordedAttention,
    parts: &[&Part],
    weights: Value,
    residual: Option<(Value, f32)>,
    pass: f32,
    name: &str,
) -> Result<Value> {
    let RecordedAttention { qkv, packing, validity, statistics, .. } = attention;
    let heads: usize = parts.iter().map(|part| part.heads.len()).sum();
    let mut base = residual;
    for (place, part) in parts.iter().enumerate() {
        let validity = validity.filter(|_| part.mask.validity);
        let (normaliser, normalised) = match statistics {
            Some(statistics) => (*statistics, 0..packing.heads),
            None => {
                let call = AttentionNormaliser { qkv: packing.clone(), part: (*part).clone(), weighted: true };
                let shape = [part.heads.len(), 2, packing.rows];
                let operands = [Some(*qkv), Some(*qkv), Some(weights), validity];
                (graph.call(call, &operands, &format!("{name}.normaliser.{place}"), shape)?, part.heads.clone())
            }
        };
        let call = AttentionRollout {
            qkv: packing.clone(),
            part: (*part).clone(),
            normalised,
            keep: base.map(|(_, keep)| keep),
            pass: pass * part.heads.len() as f32 / heads as f32,
        };
        let operands = [Some(*qkv), Some(*qkv), Some(normaliser), Some(weights), base.map(|(base, _)| base), validity];
        let last = place + 1 == parts.len();
        let name = if last { name.to_owned() } else { format!("{name}.{place}") };
        base = Some((graph.call(call, &operands, &name, [packing.rows])?, 1.0));
    }
    base.map(|(value, _)| value).ok_or_else(|| Error::usage("a block without heads"))
}

fn unknown_block(recording: &Recording, encoder: &str, layer: usize) -> Error {
    let mut known: Vec<(String, usize)> = Vec::new();
    for attention in &recording.attentions {
        match known.iter_mut().find(|(name, _)| *name == attention.encoder) {
            Some((_, last)) => *last = (*last).max(attention.layer),
            None => known.push((attention.encoder.clone(), attention.layer)),
        }
    }
    let known: Vec<_> = known.iter().map(|(name, last)| format!("{name}0 to {name}{last}")).collect();
    Error::usage(format!("the model has no layer {encoder}{layer}; it has {}", known.join(" and ")))
}
