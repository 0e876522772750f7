//! The tensors that a model learns: their names and shapes, and what can hand them out.

use std::fmt;

use super::{Config, Model};
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
        if self.class_token() {
            specs.push("cls", [1, 1, self.width]);
        }
        match self.model {
            Model::Joint => specs.encoder("Transformer", self),
        }
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
struct Specs(Vec<ParameterSpec>);

impl Specs {
    fn push<const R: usize>(&mut self, name: impl Into<String>, axes: [usize; R]) {
        self.0.push(ParameterSpec { name: name.into(), shape: axes.into() });
    }

    fn embedding(&mut self, config: &Config) {
        let tubelet = config.tubelet;
        self.push("embedding.kernel", [config.width, config.planes, tubelet.frames, tubelet.rows, tubelet.columns]);
        self.push("embedding.bias", [config.width]);
    }

    fn encoder(&mut self, path: &str, config: &Config) {
        self.push(format!("{path}.posembed_input.pos_embedding"), [1, config.sequence(), config.width]);
        for layer in 0..config.layers {
            self.block(&format!("{path}.encoderblock_{layer}"), config);
        }
        self.layer_norm(&format!("{path}.encoder_norm"), config.width);
    }

    fn block(&mut self, path: &str, config: &Config) {
        let Config { width, hidden, .. } = *config;
        self.layer_norm(&format!("{path}.LayerNorm_0"), width);
        for projection in ["query", "key", "value"] {
            self.dense(&format!("{path}.MultiHeadDotProductAttention_0.{projection}"), width, width, config.qkv_bias);
        }
        self.dense(&format!("{path}.MultiHeadDotProductAttention_0.out"), width, width, true);
        self.layer_norm(&format!("{path}.LayerNorm_1"), width);
        self.dense(&format!("{path}.MlpBlock_0.Dense_0"), hidden, width, true);
        self.dense(&format!("{path}.MlpBlock_0.Dense_1"), width, hidden, true);
    }

    fn layer_norm(&mut self, path: &str, width: usize) {
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
    use crate::vivit::Classifier;

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
