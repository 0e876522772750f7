//! Steps in two halves: alone, and with gradients exchanged between trainers in between.

use libtest_mimic::Failed;
use tubelet::graph::Device;
use tubelet::tensor::{ErrorKind, Tensor};
use tubelet::train::{Batch, ClipNorm, Clipping, Trainer, TrainerOptions};

use super::common::{Shown, small};
use super::curves::{Rule, batches, begun};

const MODEL: &str = "scenic-model1";
const STEPS: u64 = 3;

fn rate(rule: Rule) -> f64 {
    match rule {
        Rule::Sgd => 0.05,
        Rule::AdamW => 1e-3,
    }
}

/// All parameters, and what the optimiser keeps beside them.
fn kept(trainer: &Trainer) -> Result<Vec<(String, Tensor)>, Failed> {
    let parameters = &trainer.model().checkpoint().parameters;
    let names = parameters.names().into_iter().map(str::to_owned).chain(trainer.state());
    Ok(names.map(|name| trainer.read(&name).wait().map(|tensor| (name, tensor))).collect::<Result<_, _>>()?)
}

/// Both halves make the bits of a whole step: of a batch at once and in parts, clipped as a whole and by each device.
pub(super) fn same_bits_in_halves(device: &Device) -> Result<Shown, Failed> {
    let batches = batches(MODEL)?;
    let each = Clipping::PerDevice(ClipNorm::default());
    for (rule, options) in [
        (Rule::Sgd, Rule::Sgd.options()),
        (Rule::AdamW, Rule::AdamW.options()),
        (Rule::Sgd, Rule::Sgd.options().micro_batch(3)),
        (Rule::Sgd, Rule::Sgd.options().clipping(each).device_batch(2).micro_batch(1)),
    ] {
        let [mut whole, mut halves] =
            [Trainer::new(device, begun(MODEL)?, options.clone())?, Trainer::new(device, begun(MODEL)?, options)?];
        for step in 0..STEPS {
            let batch = &batches[step as usize % 2];
            let expected = whole.step(batch, step, rate(rule)).wait()?;
            let found = halves.gradients(batch).wait()?;
            let norm = halves.update(step, rate(rule)).wait()?;
            assert_eq!(found.updated(norm), expected, "{rule:?}, step {step}");
        }
        assert_eq!(kept(&halves)?, kept(&whole)?, "{rule:?}");
    }
    Ok(Shown::Passed)
}

/// What a training has come to: its parameters, and loss and norm of the last step.
struct Trained {
    parameters: Vec<Tensor>,
    loss: f64,
    norm: f64,
}

impl Trained {
    fn of(trainer: &Trainer, loss: f64, norm: f64) -> Result<Self, Failed> {
        let names = trainer.model().checkpoint().parameters.names();
        let parameters = names.into_iter().map(|name| trainer.read(name).wait()).collect::<Result<_, _>>()?;
        Ok(Self { parameters, loss, norm })
    }

    /// The distance between the parameters of both, as a share of how far these have moved.
    fn apart(&self, other: &Self) -> Result<f64, Failed> {
        let begun = begun(MODEL)?.parameters;
        let (mut apart, mut moved) = (0.0, 0.0);
        for ((name, own), other) in begun.names().into_iter().zip(&self.parameters).zip(&other.parameters) {
            let start = begun.tensor(name)?;
            for ((own, other), start) in own.as_f32()?.iter().zip(other.as_f32()?).zip(start.as_f32()?) {
                apart += (f64::from(*own) - f64::from(*other)).powi(2);
                moved += (f64::from(*own) - f64::from(*start)).powi(2);
            }
        }
        Ok((apart / moved).sqrt())
    }
}

fn alone(device: &Device, options: TrainerOptions) -> Result<Trained, Failed> {
    let batches = batches(MODEL)?;
    let mut trainer = Trainer::new(device, begun(MODEL)?, options)?;
    let mut last = None;
    for step in 0..STEPS {
        last = Some(trainer.step(&batches[step as usize % 2], step, rate(Rule::Sgd)).wait()?);
    }
    let last = last.ok_or("no steps")?;
    Trained::of(&trainer, last.loss, last.norm)
}

/// By two trainers, each on a half of every batch.
fn together(device: &Device, options: &TrainerOptions) -> Result<Trained, Failed> {
    let batches = batches(MODEL)?;
    let trainer = || -> Result<Trainer, Failed> { Ok(Trainer::new(device, begun(MODEL)?, options.clone())?) };
    let mut trainers = [trainer()?, trainer()?];
    let (mut loss, mut norm) = (0.0, 0.0);
    for step in 0..STEPS {
        let (mut outcomes, mut gradients) = (Vec::new(), Vec::new());
        for (trainer, share) in trainers.iter_mut().zip(batches[step as usize % 2].micro_batches(2)) {
            let share = share?;
            outcomes.push(trainer.gradients(&Batch::new(share.clips, share.targets)).wait()?);
            let own = trainer.read_gradients().wait()?;
            assert!(trainer.learning().eq(own.iter().map(|(name, _)| name.as_str())));
            gradients.push(own);
        }
        let mean = mean(&gradients[0], &gradients[1])?;
        (loss, norm) = (0.0, 0.0);
        for (trainer, outcome) in trainers.iter_mut().zip(outcomes) {
            trainer.write_gradients(&mean).wait()?;
            assert_eq!(trainer.read_gradients().wait()?, mean);
            let found = trainer.update(step, rate(Rule::Sgd)).wait()?;
            let outcome = outcome.updated(found);
            loss += outcome.loss / 2.0;
            norm += outcome.norm / 2.0;
        }
    }
    assert_eq!(kept(&trainers[0])?, kept(&trainers[1])?, "both take the same step");
    Trained::of(&trainers[0], loss, norm)
}

/// The mean of the gradients of two trainers.
fn mean(one: &[(String, Tensor)], other: &[(String, Tensor)]) -> Result<Vec<(String, Tensor)>, Failed> {
    let pairs = one.iter().zip(other).map(|((name, one), (same, other))| -> Result<_, Failed> {
        assert_eq!(name, same);
        let values = one.as_f32()?.iter().zip(other.as_f32()?).map(|(one, other)| (one + other) / 2.0);
        Ok((name.clone(), Tensor::f32(one.shape().clone(), values.collect())?))
    });
    pairs.collect()
}

/// The share of their way by which parameters may be apart where the same gradients are added up in another order. The sums of
/// each gradient are rounded to 6e-8 of themselves, thousands of times over, and what remains of a weight after a step to 6e-8
/// of the weight, which is about a hundred times as long as its way: about 1e-5 together. What is clipped at the wrong place
/// is far more than ten times as far away, as the last line of the test shows.
const ANOTHER_ORDER: f64 = 1e-4;

/// Two trainers take the steps of one, whose batch they share: clipped as a whole, and each its own gradient.
pub(super) fn as_one(device: &Device) -> Result<Shown, Failed> {
    let each = Rule::Sgd.options().clipping(Clipping::PerDevice(ClipNorm::default()));
    let whole = alone(device, Rule::Sgd.options())?;
    let of_two = alone(device, each.clone().device_batch(2))?;
    for (found, expected) in [(together(device, &Rule::Sgd.options())?, &whole), (together(device, &each)?, &of_two)] {
        let apart = found.apart(expected)?;
        assert!(apart < ANOTHER_ORDER, "{apart}");
        assert!((found.loss - expected.loss).abs() < 2e-5, "{} and {}", found.loss, expected.loss);
        assert!((found.norm / expected.norm - 1.0).abs() < 1e-4, "{} and {}", found.norm, expected.norm);
    }
    let apart = of_two.apart(&whole)?;
    assert!(apart > 10.0 * ANOTHER_ORDER, "it does not show what is clipped: {apart}");
    Ok(Shown::Passed)
}

/// A trainer to which all is written that another keeps says and learns what that one does: if it has just begun, and if it has
/// been at work before; where weights learn, and where they are frozen.
pub(super) fn written(device: &Device) -> Result<Shown, Failed> {
    let (batches, rule) = (batches(MODEL)?, Rule::AdamW);
    for frozen in [Vec::new(), ["embeddings", "encoder"].map(str::to_owned).to_vec()] {
        let options = rule.options().frozen(frozen);
        let begun = begun(MODEL)?;
        let other = begun.clone().parameters(small::parameters(&begun.config)?);
        let mut from = Trainer::new(device, other, options.clone())?;
        for step in 0..2 {
            from.step(&batches[step as usize % 2], step, rate(rule)).wait()?;
        }
        let kept_there = kept(&from)?;
        let given: Vec<_> = kept_there.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        let begins = Trainer::new(device, begun.clone(), options.clone())?;
        let mut works = Trainer::new(device, begun, options)?;
        works.model().forward(&batches[0].clips)?;
        works.step(&batches[1], 0, rate(rule)).wait()?;
        let mut to = [begins, works];
        for trainer in &mut to {
            trainer.write(&given).wait()?;
            assert_eq!(kept(trainer)?, kept_there);
            assert_eq!(trainer.model().forward(&batches[0].clips)?, from.model().forward(&batches[0].clips)?);
        }
        let expected = from.step(&batches[0], 2, rate(rule)).wait()?;
        for trainer in &mut to {
            assert_eq!(trainer.step(&batches[0], 2, rate(rule)).wait()?, expected);
            assert_eq!(kept(trainer)?, kept(&from)?);
        }
    }
    Ok(Shown::Passed)
}

/// What makes no sense is refused, with what to do.
pub(super) fn refused(device: &Device) -> Result<Shown, Failed> {
    let [batch, _] = batches(MODEL)?;
    let options = Rule::Sgd.options().frozen(vec!["embeddings".to_owned()]);
    let mut trainer = Trainer::new(device, begun(MODEL)?, options)?;
    let says = |error: Option<tubelet::Error>, expected: &str| -> Result<(), Failed> {
        let error = error.ok_or_else(|| format!("nothing is refused with: {expected}"))?;
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(expected), "{error}");
        Ok(())
    };
    says(trainer.update(0, 0.1).wait().err(), "no gradient to step by")?;
    says(trainer.read_gradients().wait().err(), "no gradient to step by")?;
    trainer.gradients(&batch).wait()?;
    let gradients = trainer.read_gradients().wait()?;
    trainer.update(0, 0.1).wait()?;
    says(trainer.update(1, 0.1).wait().err(), "no gradient to step by")?;
    says(trainer.write_gradients(&gradients[1..]).wait().err(), "is not given")?;
    let frozen = "embedding.bias".to_owned();
    assert!(trainer.model().checkpoint().parameters.names().contains(&frozen.as_str()));
    let more = [gradients.clone(), vec![(frozen.clone(), Tensor::f32([1], vec![0.0])?)]].concat();
    says(trainer.write_gradients(&more).wait().err(), "no such parameter learns")?;
    let twice = [gradients.clone(), gradients[..1].to_vec()].concat();
    says(trainer.write_gradients(&twice).wait().err(), "given twice")?;
    let mut short = gradients.clone();
    short[0].1 = Tensor::f32([1], vec![0.0])?;
    says(trainer.write_gradients(&short).wait().err(), "have shape")?;
    let mean = format!("optimiser.gradient.{}", gradients[0].0);
    says(trainer.write(&[(mean.as_str(), &gradients[0].1)]).wait().err(), "cannot be written")?;
    // A trainer without clips steps by what it is given.
    trainer.write_gradients(&gradients).wait()?;
    trainer.update(1, 0.1).wait()?;
    Ok(Shown::Passed)
}
