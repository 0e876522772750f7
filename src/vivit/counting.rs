//! What a configuration amounts to, counted in the recording of its forward pass.

use super::{Config, ParameterSpec, Recording, Request};
use crate::kernels::ClipLayout;
use crate::tensor::Result;

impl Config {
    /// Name and shape of every tensor that the model learns, in the order of the forward pass.
    ///
    /// # Errors
    ///
    /// A configuration that [`Config::validate`] refuses, and sizes that no kernel takes.
    pub fn parameters(&self) -> Result<Vec<ParameterSpec>> {
        Ok(self.recording()?.parameters)
    }

    /// Multiply-accumulates of one clip's forward pass; elementwise work is not counted.
    ///
    /// The paper's GFLOPs are this number and half of all elementwise operations: 0.3 to 1 % more.
    ///
    /// # Errors
    ///
    /// As [`Config::parameters`].
    pub fn multiply_accumulates(&self) -> Result<u64> {
        Ok(self.recording()?.graph.multiply_accumulates())
    }

    /// One clip's forward pass, to count in.
    fn recording(&self) -> Result<Recording> {
        super::record(self, &Request::new(1, ClipLayout::Btchw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Shape;
    use crate::vivit::{
        Classifier, EncoderSize, FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention, Model, Temporal,
    };

    fn count(config: &Config) -> usize {
        config.parameters().unwrap().iter().map(|parameter| parameter.shape.elements()).sum()
    }

    fn shape_of(config: &Config, name: &str) -> Option<Shape> {
        config
            .parameters()
            .unwrap()
            .into_iter()
            .find(|parameter| parameter.name == name)
            .map(|parameter| parameter.shape)
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
            // The number of heads changes no shape; Ti has 3, which cannot be halved.
            let even = Config { heads: config.heads.next_multiple_of(4), ..config };
            assert_eq!(count(&even.as_model(FactorisedDotProduct::default().into())), fourth, "{name}");
        }
    }

    #[test]
    fn base_has_two_hundred_tensors_of_known_shapes() {
        let config = Config::named("vit-b").unwrap();
        assert_eq!(config.parameters().unwrap().len(), 200);
        let mut names: Vec<_> = config.parameters().unwrap().into_iter().map(|parameter| parameter.name).collect();
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
