//! Encoders and their layers: where their parameters are, and what their values are called.

use std::fmt;
use std::str::FromStr;

use super::{Config, EncoderSize, Grid};
use crate::tensor::Error;

/// An encoder of a model, by what it sees at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoder {
    /// All tokens of a clip: the only encoder of its model.
    Clip,
    /// The tokens of one temporal index: the first encoder of Model 2.
    Spatial,
    /// One token for each temporal index: the second encoder of Model 2.
    Temporal,
}

impl Encoder {
    /// Every encoder.
    pub(crate) const ALL: [Self; 3] = [Self::Clip, Self::Spatial, Self::Temporal];

    /// The encoder that the parameter called `name` belongs to; `None` for those in front of and behind encoders.
    pub(crate) fn of_parameter(name: &str) -> Option<Self> {
        let path = name.split('.').next().unwrap_or(name);
        Self::ALL.into_iter().find(|encoder| [encoder.path(), encoder.class_token()].contains(&path))
    }

    /// Its name in a sentence: `temporal encoder`.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Clip => "encoder",
            Self::Spatial => "spatial encoder",
            Self::Temporal => "temporal encoder",
        }
    }

    /// The path of its parameters.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Clip => "Transformer",
            Self::Spatial => "SpatialTransformer",
            Self::Temporal => "TemporalTransformer",
        }
    }

    /// The name of its class token.
    pub(super) fn class_token(self) -> &'static str {
        match self {
            Self::Clip => "cls",
            Self::Spatial => "cls_SpatialTransformer",
            Self::Temporal => "cls_TemporalTransformer",
        }
    }

    /// The path of its position table.
    pub(super) fn positions(self) -> String {
        format!("{}.posembed_input.pos_embedding", self.path())
    }

    /// What the names of its values begin with: nothing, `spatial.` or `temporal.`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Clip => "",
            Self::Spatial => "spatial.",
            Self::Temporal => "temporal.",
        }
    }

    /// The name of one of its values.
    pub(super) fn value(self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }
}

/// Its name: `clip`, `spatial` or `temporal`.
impl fmt::Display for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clip => "clip",
            Self::Spatial => "spatial",
            Self::Temporal => "temporal",
        })
    }
}

impl FromStr for Encoder {
    type Err = Error;

    /// What [`Display`](fmt::Display) writes, or the [prefix](Self::prefix).
    fn from_str(text: &str) -> Result<Self, Error> {
        let is_called = |encoder: &Self| encoder.to_string() == text || encoder.prefix() == text;
        Self::ALL.into_iter().find(is_called).ok_or_else(|| {
            let name = text.trim_end_matches('.');
            Error::usage(format!("no encoder is called {name:?}; there are spatial and temporal ones, in Model 2"))
        })
    }
}

/// Over what a token attends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttentionAxis {
    /// Everything that its encoder sees.
    Whole,
    /// The tokens of its temporal index.
    Space,
    /// The temporal indices of its position.
    Time,
}

impl AttentionAxis {
    /// Its name in paths and values; empty for the whole.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Space => "space",
            Self::Time => "time",
        }
    }

    /// What the names of its values begin with.
    fn prefix(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Space => "space.",
            Self::Time => "time.",
        }
    }
}

/// A layer of an encoder, or one of several attentions in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layer {
    pub encoder: Encoder,
    /// From 0.
    pub index: usize,
    pub size: EncoderSize,
    /// Over what this attention goes, where the layer has several.
    pub attention: AttentionAxis,
}

impl Layer {
    pub(super) fn new(encoder: Encoder, index: usize, size: EncoderSize) -> Self {
        Self { encoder, index, size, attention: AttentionAxis::Whole }
    }

    /// Its attention over `axis`, one of several.
    pub(super) fn over(self, axis: AttentionAxis) -> Self {
        Self { attention: axis, ..self }
    }

    /// The path of one of its modules.
    pub(super) fn parameter(self, module: &str) -> String {
        format!("{}.encoderblock_{}.{module}", self.encoder.path(), self.index)
    }

    /// The name of one of its values.
    pub(super) fn value(self, name: &str) -> String {
        format!("{}{}{name}.{}", self.encoder.prefix(), self.attention.prefix(), self.index)
    }

    /// The name of its output.
    pub(super) fn output(self) -> String {
        format!("{}hidden_state.{}", self.encoder.prefix(), self.index + 1)
    }
}

impl Config {
    /// The tokens of one sequence of an encoder, its class token left out.
    pub(crate) fn encoder_grid(&self, encoder: Encoder) -> Grid {
        match encoder {
            Encoder::Clip => self.grid(),
            Encoder::Spatial => Grid { temporal: 1, ..self.grid() },
            Encoder::Temporal => Grid { rows: 1, columns: 1, ..self.grid() },
        }
    }

    /// How many tokens a sequence of an encoder has, its class token included.
    pub(crate) fn encoder_tokens(&self, encoder: Encoder) -> usize {
        self.encoder_grid(encoder).tokens() + usize::from(self.class_token())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoder_is_told_by_the_names_of_its_parameters() {
        for encoder in Encoder::ALL {
            assert_eq!(Encoder::of_parameter(encoder.class_token()), Some(encoder));
            assert_eq!(Encoder::of_parameter(&encoder.positions()), Some(encoder));
            assert_eq!(encoder.to_string().parse::<Encoder>().unwrap(), encoder);
            assert_eq!(encoder.prefix().parse::<Encoder>().unwrap(), encoder);
        }
        assert_eq!(Encoder::of_parameter("embedding.kernel"), None);
        assert!("video.".parse::<Encoder>().unwrap_err().to_string().contains("\"video\""));
    }

    #[test]
    fn values_say_encoder_attention_and_layer() {
        let size = EncoderSize { layers: 4, heads: 2, hidden: 8 };
        let layer = Layer::new(Encoder::Temporal, 3, size);
        assert_eq!(layer.value("qkv"), "temporal.qkv.3");
        assert_eq!(layer.output(), "temporal.hidden_state.4");
        assert_eq!(layer.parameter("MlpBlock_0"), "TemporalTransformer.encoderblock_3.MlpBlock_0");
        assert_eq!(Layer::new(Encoder::Clip, 0, size).over(AttentionAxis::Time).value("qkv"), "time.qkv.0");
    }
}
