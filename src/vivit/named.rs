//! Shapes that go by a name.

use super::{Classifier, Config, Gelu, Joint, Labelling, Model, Tubelet};
use crate::tensor::{Error, Result};

/// The image transformers behind the published models (paper, section 4.1).
struct Backbone {
    name: &'static str,
    layers: usize,
    heads: usize,
    width: usize,
    /// Side of a tubelet in pixels where the name does not say it.
    patch: usize,
}

const BACKBONES: [Backbone; 5] = [
    Backbone { name: "vit-ti", layers: 12, heads: 3, width: 192, patch: 16 },
    Backbone { name: "vit-s", layers: 12, heads: 6, width: 384, patch: 16 },
    Backbone { name: "vit-b", layers: 12, heads: 12, width: 768, patch: 16 },
    Backbone { name: "vit-l", layers: 24, heads: 16, width: 1024, patch: 16 },
    Backbone { name: "vit-h", layers: 32, heads: 16, width: 1280, patch: 14 },
];

impl Config {
    /// The names of backbones that [`Config::named`] knows.
    pub const SHAPES: &'static [&'static str] = &{
        let mut names = [""; BACKBONES.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = BACKBONES[index].name;
            index += 1;
        }
        names
    };

    /// The shape of that name: a backbone, `vit-ti`, `vit-s`, `vit-b`, `vit-l` or `vit-h`, alone or with its tubelet
    /// as in `vit-b/16x4` (16×16 pixels, 4 frames; else 16x2, for `vit-h` 14x2).
    ///
    /// It is Model 1 on 32 frames of 224×224 pixels with a class token and 400 classes, as trained on Kinetics-400.
    /// Ti and S are no shapes of the paper, but are common for small video transformers.
    ///
    /// # Errors
    ///
    /// A name that is none of these.
    pub fn named(name: &str) -> Result<Self> {
        let lower = name.to_ascii_lowercase();
        let (backbone, tubelet) = match lower.split_once('/') {
            Some((backbone, tubelet)) => (backbone, Some(tubelet)),
            None => (lower.as_str(), None),
        };
        let backbone = BACKBONES.iter().find(|known| known.name == backbone).ok_or_else(|| unknown(name))?;
        let (side, frames) = match tubelet {
            Some(tubelet) => spatial_by_temporal(tubelet).ok_or_else(|| unknown(name))?,
            None => (backbone.patch, 2),
        };
        let config = Self {
            model: Joint.into(),
            frames: 32,
            rows: 224,
            columns: 224,
            planes: 3,
            tubelet: Tubelet { frames, rows: side, columns: side },
            frame_sampling: None,
            width: backbone.width,
            layers: backbone.layers,
            heads: backbone.heads,
            hidden: 4 * backbone.width,
            classes: 400,
            labelling: Labelling::Single,
            classifier: Classifier::Token,
            layer_norm_eps: 1e-6,
            gelu: Gelu::Tanh,
            qkv_bias: true,
            representation_size: None,
        };
        config.validate().map_err(|error| error.within(format!("shape {name}")))?;
        Ok(config)
    }

    /// The same sizes as another model, with the classifier that is usual for it. A temporal encoder is like the spatial
    /// one but of the 4 layers that the paper gives it (section 4.2), unless `model` is not at its defaults.
    #[must_use]
    pub fn as_model(self, model: Model) -> Self {
        let mut model = model;
        model.definition_mut().fit_to(&self);
        Self { classifier: model.usual_classifier(), model, ..self }
    }
}

/// `16x2` as (16, 2).
fn spatial_by_temporal(tubelet: &str) -> Option<(usize, usize)> {
    let (side, frames) = tubelet.split_once('x')?;
    Some((side.parse().ok()?, frames.parse().ok()?))
}

fn unknown(name: &str) -> Error {
    let names = Config::SHAPES.join(", ");
    Error::usage(format!(
        "no ViViT shape is called `{name}`: the names are {names}, alone or with a tubelet as in vit-b/16x2 \
         (16×16 pixels, 2 frames)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tubelet_is_spatial_by_temporal() {
        let config = Config::named("ViT-B/16x4").unwrap();
        assert_eq!(config.tubelet, Tubelet { frames: 4, rows: 16, columns: 16 });
        assert_eq!(Config::named("vit-h").unwrap().tubelet, Tubelet { frames: 2, rows: 14, columns: 14 });
    }

    #[test]
    fn every_backbone_is_valid() {
        for backbone in &BACKBONES {
            let config = Config::named(backbone.name).unwrap();
            assert_eq!(config.head_width(), if backbone.name == "vit-h" { 80 } else { 64 });
            assert_eq!(config.hidden, 4 * config.width);
        }
    }

    #[test]
    fn other_names_are_answered_with_the_list() {
        for name in ["vit-g", "", "b", "vit-b/16", "vit-b/x2", "vit-b/16x", "vit-b/-16x2", "vit-b/16x2x2"] {
            let error = Config::named(name).unwrap_err().to_string();
            assert!(error.contains("vit-ti, vit-s, vit-b, vit-l, vit-h"), "{name}: {error}");
        }
        let error = Config::named("vit-b/0x2").unwrap_err().to_string();
        assert!(error.contains("vit-b/0x2") && error.contains("rows is 0"), "{error}");
    }
}
