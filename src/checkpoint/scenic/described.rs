//! A whole configuration from scenic's `config.json` alone, for a model that is yet to be made.

use super::config::{Said, SaidEncoder};
use crate::vivit::{
    Classifier, Config, EncoderSize, FactorisedEncoder, FactorisedSelfAttention, FrameSampling, Gelu, Model, Temporal,
    Tubelet,
};

/// The name of a field that is missing.
type Missing = &'static str;

/// The model that is described; an error names the first field that is missing.
pub(super) fn config(said: &Said) -> Result<Config, String> {
    whole(said).map_err(|field| format!("there is no {field}, which a model that is to be made needs"))
}

fn whole(said: &Said) -> Result<Config, Missing> {
    let model = model(said)?;
    let spatial = if matches!(model, Model::FactorisedEncoder(_)) { "model.spatial_transformer" } else { "model" };
    let size = encoder(&said.encoder, spatial)?;
    let [rows, columns] = said.size.ok_or("dataset_configs.crop_size (or height and width)")?;
    Ok(Config {
        model,
        frames: said.frames.ok_or("dataset_configs.num_frames")?,
        rows,
        columns,
        planes: 3,
        tubelet: tubelet(said)?,
        frame_sampling: said.sampled_frames.map(|frames| FrameSampling { frames, arange_quirk: false }),
        width: said.width.ok_or("model.hidden_size")?,
        layers: size.layers,
        heads: size.heads,
        hidden: size.hidden,
        classes: said.classes.ok_or("dataset_configs.num_classes (or class_splits)")?,
        labelling: said.labelling.clone(),
        classifier: said.classifier.unwrap_or(Classifier::Token),
        layer_norm_eps: 1e-6,
        gelu: Gelu::Tanh,
        qkv_bias: true,
        representation_size: said.representation.flatten(),
    })
}

fn model(said: &Said) -> Result<Model, Missing> {
    Ok(match said.kind.ok_or("model.attention_config.type")? {
        Model::FactorisedEncoder(_) if said.baseline => FactorisedEncoder { temporal: Temporal::Mean }.into(),
        Model::FactorisedEncoder(_) => {
            let size = encoder(&said.temporal, "model.temporal_transformer")?;
            FactorisedEncoder { temporal: Temporal::Encoder(size) }.into()
        }
        Model::FactorisedSelfAttention(_) => {
            let order = said.order.ok_or("model.attention_config.attention_order")?;
            FactorisedSelfAttention { order }.into()
        }
        kind => kind,
    })
}

/// The sizes of the encoder that `section` describes.
fn encoder(said: &SaidEncoder, section: &'static str) -> Result<EncoderSize, Missing> {
    match (said.layers, said.heads, said.hidden) {
        (Some(layers), Some(heads), Some(hidden)) => Ok(EncoderSize { layers, heads, hidden }),
        _ => Err(section),
    }
}

/// `patches.size` is height, width and, unless frames are sampled, frames.
fn tubelet(said: &Said) -> Result<Tubelet, Missing> {
    match (said.patch.as_deref(), said.sampled_frames) {
        (Some(&[rows, columns, ..]), Some(_)) => Ok(Tubelet { frames: 1, rows, columns }),
        (Some(&[rows, columns, frames]), None) => Ok(Tubelet { frames, rows, columns }),
        _ => Err("model.patches.size of height, width and frames"),
    }
}
