//! The tensors that a model learns: their names and shapes, and what can hand them out.

use std::fmt;

use super::{Config, EncoderSize};
use crate::graph::Weights;
use crate::tensor::{Result, Shape};

/// Name and shape of one learned tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Its path in the original implementation, joined by dots: `Transformer.encoder_norm.scale`.
    pub name: String,
    /// Its shape. A dense kernel is `[out, in]`, the tubelet kernel `[C, P, t, h, w]`.
    pub shape: Shape,
}

/// A model's learned tensors, handed out one at a time and in any order.
///
/// The names and shapes are those of [`Config::parameters`]. Each call of [`Weights::tensor`] reads or makes the tensor
/// anew, so that a model's weights need never be in host memory all at once.
pub trait Parameters: Weights + fmt::Debug {
    /// The names, in the order of [`Config::parameters`].
    fn names(&self) -> Vec<&str>;

    /// The shape of the tensor called `name`; an error where there is none.
    fn shape(&self, name: &str) -> Result<Shape>;
}

impl Config {
    /// Name and shape of every tensor that the model learns, in the order of the forward pass.
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        let mut specs = Specs(Vec::new());
        specs.embedding(self);
        self.model.definition().parameters(self, &mut specs);
        if let Some(size) = self.representation_size {
            specs.dense("pre_logits", size, self.width, true);
        }
        if self.classes > 0 {
            specs.dense("output_projection", self.classes, self.features(), true);
        }
        specs.0
    }
}

/// A list that grows by the parts which the models share.
pub(super) struct Specs(Vec<ParameterSpec>);

impl Specs {
    fn push<const R: usize>(&mut self, name: impl Into<String>, axes: [usize; R]) {
        self.0.push(ParameterSpec { name: name.into(), shape: axes.into() });
    }

    fn embedding(&mut self, config: &Config) {
        let Config { width, planes, tubelet, .. } = *config;
        match config.frame_sampling {
            None => self.push("embedding.kernel", [width, planes, tubelet.frames, tubelet.rows, tubelet.columns]),
            Some(_) => self.push("embedding.kernel", [width, planes, tubelet.rows, tubelet.columns]),
        }
        self.push("embedding.bias", [width]);
    }

    /// A class token, where the model has one.
    pub(super) fn class_token(&mut self, config: &Config, name: &str) {
        if config.class_token() {
            self.push(name, [1, 1, config.width]);
        }
    }

    /// An encoder on sequences of `tokens`, with `layers` times what `block` lists at a path.
    pub(super) fn encoder(
        &mut self,
        path: &str,
        width: usize,
        tokens: usize,
        layers: usize,
        block: impl Fn(&mut Self, &str),
    ) {
        self.push(format!("{path}.posembed_input.pos_embedding"), [1, tokens, width]);
        for layer in 0..layers {
            block(self, &format!("{path}.encoderblock_{layer}"));
        }
        self.layer_norm(&format!("{path}.encoder_norm"), width);
    }

    /// A block with one attention.
    pub(super) fn block(&mut self, path: &str, config: &Config, size: EncoderSize) {
        self.layer_norm(&format!("{path}.LayerNorm_0"), config.width);
        self.attention(&format!("{path}.MultiHeadDotProductAttention_0"), config);
        self.layer_norm(&format!("{path}.LayerNorm_1"), config.width);
        self.mlp(&format!("{path}.MlpBlock_0"), config.width, size.hidden);
    }

    pub(super) fn attention(&mut self, path: &str, config: &Config) {
        let width = config.width;
        for projection in ["query", "key", "value"] {
            self.dense(&format!("{path}.{projection}"), width, width, config.qkv_bias);
        }
        self.dense(&format!("{path}.out"), width, width, true);
    }

    pub(super) fn mlp(&mut self, path: &str, width: usize, hidden: usize) {
        self.dense(&format!("{path}.Dense_0"), hidden, width, true);
        self.dense(&format!("{path}.Dense_1"), width, hidden, true);
    }

    pub(super) fn layer_norm(&mut self, path: &str, width: usize) {
        self.push(format!("{path}.scale"), [width]);
        self.push(format!("{path}.bias"), [width]);
    }

    fn dense(&mut self, path: &str, outputs: usize, inputs: usize, bias: bool) {
        self.push(format!("{path}.kernel"), [outputs, inputs]);
        if bias {
            self.push(format!("{path}.bias"), [outputs]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vivit::{
        Classifier, EncoderSize, FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention, Model, Temporal,
    };

    fn count(config: &Config) -> usize {
        config.parameters().iter().map(|parameter| parameter.shape.elements()).sum()
    }

    fn shape_of(config: &Config, name: &str) -> Option<Shape> {
        config.parameters().into_iter().find(|parameter| parameter.name == name).map(|parameter| parameter.shape)
    }

    #[test]
    fn totals_agree_with_the_original_implementation() {
        for (name, expected) in [
            ("vit-ti/16x2", 6_313_552),
            ("vit-s/16x2", 23_243_536),
            ("vit-b/16x2", 88_954_000),
            ("vit-l/16x2", 307_508_624),
            ("vit-h/16x2", 636_177_040),
        ] {
            assert_eq!(count(&Config::named(name).unwrap()), expected, "{name}");
        }
        let temporal = |layers: Option<usize>, config: &Config| match layers {
            Some(layers) => Temporal::Encoder(EncoderSize { layers, ..config.encoder() }),
            None => Temporal::Mean,
        };
        for (name, [long, short, baseline, third, fourth]) in [
            ("vit-ti/16x2", [11_091_280, 7_532_368, 5_749_072, 8_096_464, 6_313_168]),
            ("vit-s/16x2", [43_415_824, 29_220_112, 22_114_576, 30_348_304, 23_242_768]),
            ("vit-b/16x2", [171_765_904, 115_062_928, 86_696_080, 117_319_312, 88_952_464]),
            ("vit-l/16x2", [606_827_920, 354_903_440, 304_498_064, 408_317_328, 307_506_576]),
            ("vit-h/16x2", [1_262_117_520, 711_149_200, 632_413_840, 846_135_440, 636_174_480]),
        ] {
            let config = Config::named(name).unwrap();
            let of = |model: Model| count(&config.clone().as_model(model));
            for (layers, expected) in [(Some(config.layers), long), (Some(4), short), (None, baseline)] {
                let model = FactorisedEncoder { temporal: temporal(layers, &config) }.into();
                assert_eq!(of(model), expected, "{name}, temporal layers: {layers:?}");
            }
            assert_eq!(of(FactorisedSelfAttention::default().into()), third, "{name}");
            assert_eq!(of(FactorisedDotProduct::default().into()), fourth, "{name}");
        }
    }

    #[test]
    fn base_has_two_hundred_tensors_of_known_shapes() {
        let config = Config::named("vit-b").unwrap();
        assert_eq!(config.parameters().len(), 200);
        let mut names: Vec<_> = config.parameters().into_iter().map(|parameter| parameter.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 200);
        for (name, axes) in [
            ("embedding.kernel", &[768, 3, 2, 16, 16][..]),
            ("cls", &[1, 1, 768]),
            ("Transformer.posembed_input.pos_embedding", &[1, 3137, 768]),
            ("Transformer.encoderblock_11.MultiHeadDotProductAttention_0.query.kernel", &[768, 768]),
            ("Transformer.encoderblock_11.MultiHeadDotProductAttention_0.out.bias", &[768]),
            ("Transformer.encoderblock_0.MlpBlock_0.Dense_0.kernel", &[3072, 768]),
            ("Transformer.encoderblock_0.MlpBlock_0.Dense_1.kernel", &[768, 3072]),
            ("Transformer.encoder_norm.scale", &[768]),
            ("output_projection.kernel", &[400, 768]),
        ] {
            assert_eq!(shape_of(&config, name), Some(axes.into()), "{name}");
        }
    }

    #[test]
    fn pooling_without_a_class_token_saves_it_and_its_position() {
        let token = Config::named("vit-b").unwrap();
        let mean = Config { classifier: Classifier::Mean, ..token.clone() };
        assert_eq!(count(&token) - count(&mean), 2 * 768);
        assert_eq!(shape_of(&mean, "cls"), None);
    }

    #[test]
    fn options_add_and_remove_their_tensors() {
        let base = Config::named("vit-b").unwrap();
        let unbiased = Config { qkv_bias: false, ..base.clone() };
        assert_eq!(count(&base) - count(&unbiased), 12 * 3 * 768);
        let represented = Config { representation_size: Some(100), ..base.clone() };
        assert_eq!(shape_of(&represented, "pre_logits.kernel"), Some([100, 768].into()));
        assert_eq!(shape_of(&represented, "output_projection.kernel"), Some([400, 100].into()));
        let headless = Config { classes: 0, ..base };
        assert_eq!(shape_of(&headless, "output_projection.bias"), None);
    }
}
