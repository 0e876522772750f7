//! The values with which a training from scratch begins.

use std::sync::Arc;

use crate::vivit::random::{Distribution, RandomParameters};
use crate::vivit::{Config, ParameterSpec, Parameters};

/// The parameters of a model of shape `config` that nothing has trained yet, as the original implementation draws
/// them: the same for the same `seed` on every machine, each made when it is asked for.
///
/// Kernels are uniform within Xavier's bounds, the tubelet kernel is a truncated normal of LeCun's deviation, positions
/// have a deviation of 0.02 and the MLP's biases one of 1e-6; LayerNorm is the identity; the other biases, the class
/// tokens and the head are 0, so that all classes begin alike.
///
/// # Errors
///
/// A configuration that [`Config::validate`] refuses.
pub fn from_scratch(config: &Config, seed: u64) -> crate::tensor::Result<Arc<dyn Parameters>> {
    Ok(Arc::new(RandomParameters::new(config.parameters()?, seed, distribution)))
}

fn distribution(ParameterSpec { name, shape }: &ParameterSpec) -> Distribution {
    let outputs = shape.axes().first().copied().unwrap_or(1);
    let inputs = shape.elements() / outputs.max(1);
    let (path, leaf) = name.rsplit_once('.').unwrap_or(("", name));
    match leaf {
        "scale" => Distribution::Constant(1.0),
        "pos_embedding" => Distribution::Normal { deviation: 0.02 },
        "kernel" => match path {
            "output_projection" => Distribution::Constant(0.0),
            "embedding" | "pre_logits" => Distribution::TruncatedNormal { deviation: (1.0 / inputs as f32).sqrt() },
            _ => Distribution::Uniform { centre: 0.0, reach: (6.0 / (inputs + outputs) as f32).sqrt() },
        },
        "bias" if path.contains(".Mlp") => Distribution::Normal { deviation: 1e-6 },
        _ => Distribution::Constant(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_has_its_own_spread() {
        let config = Config { representation_size: Some(48), ..Config::named("vit-ti").unwrap() };
        let parameters = from_scratch(&config, 5).unwrap();
        let largest = |name: &str| {
            let tensor = parameters.tensor(name).unwrap();
            tensor.as_f32().unwrap().iter().fold(0f32, |largest, value| value.abs().max(largest))
        };
        let near = |name: &str, expected: f32| {
            let largest = largest(name);
            assert!((largest / expected - 1.0).abs() < 0.02, "{name}: {largest} for {expected}");
        };
        let block = "Transformer.encoderblock_3";
        near(&format!("{block}.MultiHeadDotProductAttention_0.query.kernel"), 0.125);
        near(&format!("{block}.MultiHeadDotProductAttention_0.out.kernel"), 0.125);
        near(&format!("{block}.MlpBlock_0.Dense_0.kernel"), (6f32 / 960.0).sqrt());
        near("embedding.kernel", 2.2737 * (1f32 / 1536.0).sqrt());
        near("pre_logits.kernel", 2.2737 * (1f32 / 192.0).sqrt());
        for zero in ["cls", "output_projection.kernel", "output_projection.bias", "embedding.bias"] {
            assert_eq!(largest(zero), 0.0, "{zero}");
        }
        assert_eq!(largest(&format!("{block}.MultiHeadDotProductAttention_0.key.bias")), 0.0);
        let bias = largest(&format!("{block}.MlpBlock_0.Dense_1.bias"));
        assert!((1e-6..5e-6).contains(&bias), "{bias}");
        assert!((0.08..0.12).contains(&largest("Transformer.posembed_input.pos_embedding")));
        let scale = parameters.tensor(&format!("{block}.LayerNorm_0.scale")).unwrap();
        assert!(scale.as_f32().unwrap().iter().all(|&value| value == 1.0));
    }

    #[test]
    fn the_seed_decides() {
        let config = Config::named("vit-ti").unwrap();
        let kernel = |seed| from_scratch(&config, seed).unwrap().tensor("embedding.kernel").unwrap();
        assert_eq!(kernel(1), kernel(1));
        assert_ne!(kernel(1), kernel(2));
    }
}
