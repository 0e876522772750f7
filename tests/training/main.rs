//! Trainings: curves of other people's code, the same bits every time, and going on after every kind of end.

#[path = "../common/mod.rs"]
mod common;
mod curves;
mod divergence;
mod halves;
mod interruptions;

use std::process::ExitCode;

use common::{DeviceTests, Shown, small};
#[cfg(feature = "cpu")]
use curves::wrong_choices_show;
use curves::{Rule, STEPS, batches, begun, devices, follows, parts, recomputed, same_bits};
use divergence::{diverges, layers_are_named};
use interruptions::goes_on;
#[cfg(feature = "cpu")]
use interruptions::killed_ten_times;
use libtest_mimic::Failed;
use tubelet::checkpoint::{Checkpoint, Provenance};
use tubelet::graph::Device;
use tubelet::tensor::Tensor;
use tubelet::train::{AdamW, Batch, Trainer, TrainerOptions};
use tubelet::vivit::{Joint, Labelling};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    for model in ["scenic-model1", "scenic-model3"] {
        for rule in [Rule::Sgd, Rule::AdamW] {
            tests.add_everywhere(format!("curve of {model} by {}", rule.name()), move |device| {
                follows(device, model, rule, STEPS)
            });
            tests.add_without_device(format!("first steps of {model} by {}: references", rule.name()), move || {
                follows(&Device::references(), model, rule, 3).map(drop)
            });
        }
    }
    #[cfg(feature = "cpu")]
    for rule in [Rule::Sgd, Rule::AdamW] {
        tests.add_without_device(format!("wrong choices show in the curve by {}", rule.name()), move || {
            wrong_choices_show(&Device::host(None)?, rule)
        });
    }
    tests.add_everywhere("parts of a batch make the same steps", parts);
    tests.add_everywhere("each device clips its own gradient", devices);
    tests.add_everywhere("the same bits twice", same_bits);
    tests.add_everywhere("blocks computed again make the same curve", recomputed);
    tests.add_everywhere("what is frozen stays", frozen);
    tests.add_everywhere("several labels and soft targets", soft_targets);
    tests.add_everywhere("two halves are the bits of a step", halves::same_bits_in_halves);
    tests.add_everywhere("two trainers take the steps of one", halves::as_one);
    tests.add_everywhere("a trainer goes on with what is written to it", halves::written);
    tests.add_everywhere("gradients that make no sense are refused", halves::refused);
    tests.add_everywhere("a training goes on after every step", goes_on);
    #[cfg(feature = "cpu")]
    tests.add_without_device("a training goes on after it was killed ten times", || {
        killed_ten_times(&Device::host(None)?)
    });
    tests.add_everywhere("a loss that is no number ends it", diverges);
    tests.add_everywhere("the layer is named in which values cease to be numbers", layers_are_named);
    tests.run("training")
}

fn frozen(device: &Device) -> Result<Shown, Failed> {
    let (model, batches) = ("scenic-model1", batches("scenic-model1")?);
    let begun = begun(model)?;
    let (parameters, whole) = (begun.parameters.clone(), begun.clone());
    let parts = ["embeddings", "encoder"].map(str::to_owned).to_vec();
    let mut trainer = Trainer::new(device, begun, Rule::AdamW.options().frozen(parts))?;
    assert!(trainer.learning().all(|name| name.starts_with("output_projection.")));
    let first = trainer.step(&batches[0], 0, 1e-2).wait()?;
    let second = trainer.step(&batches[0], 1, 1e-2).wait()?;
    assert!(second.loss < first.loss);
    for name in parameters.names() {
        let same = parameters.tensor(name)? == trainer.read(name).wait()?;
        assert_eq!(same, !name.starts_with("output_projection."), "{name}");
    }
    // No call computes the gradients of what stays.
    let mut all = Trainer::new(device, whole.clone(), Rule::AdamW.options())?;
    all.step(&batches[0], 0, 0.0).wait()?;
    assert!(trainer.value_bytes() < all.value_bytes(), "{} of {}", trainer.value_bytes(), all.value_bytes());
    let one_of_three = vec!["Transformer.encoderblock_0.MultiHeadDotProductAttention_0.query.*".to_owned()];
    let error = Trainer::new(device, whole, Rule::Sgd.options().frozen(one_of_three)).unwrap_err().to_string();
    assert!(error.contains("learn together"), "{error}");
    Ok(Shown::Passed)
}

/// The loss falls for mixtures of labels, for several heads' and for classes that each apply or not.
fn soft_targets(device: &Device) -> Result<Shown, Failed> {
    use tubelet::vivit::LabelHead;
    let head = |name: &str, classes| LabelHead { name: name.to_owned(), classes };
    for labelling in [Labelling::Single, Labelling::Multiple, Labelling::Heads(vec![head("noun", 2), head("verb", 3)])]
    {
        let config = small::config(Joint.into()).labelling(labelling.clone());
        let parameters = small::parameters(&config)?;
        let begun = Checkpoint::new(config.clone(), parameters).provenance(Provenance::Scenic);
        let clips = small::clips(&config, 2, Provenance::Scenic.layout())?;
        let targets = Tensor::f32([2, 5], vec![0.7, 0.3, 0.0, 1.0, 0.0, 0.0, 1.0, 0.5, 0.0, 0.5])?;
        let batch = Batch::new(clips, targets);
        let mut trainer = Trainer::new(device, begun, TrainerOptions::new(AdamW::default()))?;
        let mut losses = Vec::new();
        for step in 0..12 {
            losses.push(trainer.step(&batch, step, 3e-3).wait()?.loss);
        }
        assert!(losses[11] < losses[0], "{labelling:?}: {losses:?}");
    }
    Ok(Shown::Passed)
}
