//! Trainings that get nowhere, and what is said of them.

use std::sync::Arc;

use libtest_mimic::Failed;
use tubelet::graph::{Device, Weights};
use tubelet::tensor::{ErrorKind, Shape, Tensor};
use tubelet::train::{Batch, CheckpointFolder, Recipe, Trainer};
use tubelet::vivit::Parameters;

use super::common::{Shown, small};
use super::curves::{Rule, begun};
use super::interruptions::{RECIPE, Until, run};

/// The step and the last good checkpoint are named; where gradients are looked at, so is a weight.
pub(super) fn diverges(device: &Device) -> Result<Shown, Failed> {
    let text = RECIPE.replace("rate = 1e-3", "rate = 1e30").replace("every_steps = 2", "every_steps = 1");
    let text = text.replace("    every_epochs = 1", "    every_epochs = 0");
    let recipe = Recipe::parse(&text)?;
    let folder = tempfile::tempdir()?;
    let error = run(device, folder.path(), &recipe, &mut Until::default())?.unwrap_err();
    let message = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Device, "{message}");
    assert!(message.contains("step 3") && message.contains("the last good checkpoint is"), "{message}");
    assert!(device.gpu().is_some() || message.contains("pass gives no numbers from"), "{message}");
    // What is named is whole.
    let checkpoints = CheckpointFolder::open(folder.path().join("checkpoints"), 1)?;
    assert_eq!(checkpoints.last()?.map(|resumed| resumed.progress.step), Some(2));
    Ok(Shown::Passed)
}

/// A model's parameters, of which some are other numbers.
#[derive(Debug)]
struct Planted {
    parameters: Arc<dyn Parameters>,
    /// Parts of names, and what all values are multiplied by.
    factors: Vec<(&'static str, f32)>,
}

impl Weights for Planted {
    fn tensor(&self, name: &str) -> tubelet::Result<Tensor> {
        let tensor = self.parameters.tensor(name)?;
        let factor: f32 =
            self.factors.iter().filter(|(part, _)| name.contains(part)).map(|(_, factor)| factor).product();
        if factor == 1.0 {
            return Ok(tensor);
        }
        Tensor::f32(tensor.shape().clone(), tensor.as_f32()?.iter().map(|value| value * factor).collect())
    }
}

impl Parameters for Planted {
    fn names(&self) -> Vec<&str> {
        self.parameters.names()
    }

    fn shape(&self, name: &str) -> tubelet::Result<Shape> {
        self.parameters.shape(name)
    }
}

/// What is said of the first step of a model in which weights are multiplied by `factors`.
fn said(device: &Device, model: &str, factors: &[(&'static str, f32)], part: Option<usize>) -> Result<String, Failed> {
    let begun = begun(model)?;
    let parameters = Planted { parameters: begun.parameters.clone(), factors: factors.to_vec() };
    let clips = small::clips(&begun.config, 2, begun.provenance.layout())?;
    let classes = begun.config.classes;
    let targets = (0..2 * classes).map(|index| if index % classes == 1 { 1.0 } else { 0.0 }).collect();
    let batch = Batch::new(clips, Tensor::f32([2, classes], targets)?);
    let options = Rule::Sgd.options().watched(true).micro_batch(part);
    let mut trainer = Trainer::new(device, begun.parameters(Arc::new(parameters)), options)?;
    let outcome = trainer.step(&batch, 0, 0.0).wait()?;
    Ok(outcome.check(0).map_or_else(|error| error.to_string(), |()| String::new()))
}

/// A weight in a middle block that is no number loses all that follows, and then all gradients: that block is named, and not
/// the first weights whose gradient is lost. So is the block in which gradients alone become too large.
pub(super) fn layers_are_named(device: &Device) -> Result<Shown, Failed> {
    let model = "scenic-model1";
    assert_eq!(said(device, model, &[], None)?, "");
    for (weight, part, expected) in [
        ("encoderblock_1.MlpBlock_0.Dense_0.kernel", None, "from Transformer.encoderblock_1 on"),
        ("encoderblock_2.LayerNorm_0.bias", Some(1), "from Transformer.encoderblock_2 on"),
        ("embedding.bias", None, "from what enters Transformer.encoderblock_0 on"),
        ("output_projection.bias", None, "from behind the last block on"),
    ] {
        let said = said(device, model, &[(weight, f32::NAN)], part)?;
        assert!(
            said.contains("step 1") && said.contains("forward pass") && said.contains(expected),
            "{weight}: {said}"
        );
    }
    let temporal = ("TemporalTransformer.encoderblock_0.LayerNorm_1.scale", f32::NAN);
    let of_second = said(device, "scenic-model2", &[temporal], None)?;
    assert!(of_second.contains("from TemporalTransformer.encoderblock_0 on"), "{of_second}");
    // The forward pass is the same; gradients of what is so small are beyond all floats.
    let large = 1e30;
    let factors = [
        ("encoderblock_1.LayerNorm_0.", 1.0 / large),
        ("encoderblock_1.MultiHeadDotProductAttention_0.query.kernel", large),
        ("encoderblock_1.MultiHeadDotProductAttention_0.key.kernel", large),
        ("encoderblock_1.MultiHeadDotProductAttention_0.value.kernel", large),
    ];
    let of_gradients = said(device, model, &factors, None)?;
    let expected = ["norm of the gradient", "backward pass", "from Transformer.encoderblock_1.LayerNorm_0."];
    assert!(expected.into_iter().all(|part| of_gradients.contains(part)), "{of_gradients}");
    Ok(Shown::Passed)
}
