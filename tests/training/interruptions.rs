//! Trainings that are cut off or killed, and go on.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use libtest_mimic::Failed;
use tubelet::checkpoint::{Checkpoint, Provenance};
use tubelet::eval::Task;
use tubelet::graph::Device;
use tubelet::tensor::{Error, ErrorKind};
use tubelet::train::{
    CheckpointFolder, ClipSource, HeldClips, Loader, LoaderOptions, Onlooker, Recipe, Resumed, TrainedStep, Trainer,
    TrainerOptions, TrainingRun, ValidationOutcome,
};
use tubelet::video::Clip;
use tubelet::vivit::{Joint, Labelling};

use super::common::{Shown, small};

/// Bright and dark clips, which a small model tells apart.
fn source(clips: usize) -> Result<Arc<dyn ClipSource>, Failed> {
    let clip = |index: usize| {
        let byte = |place: usize| (((place * 7 + index * 13) % 60) + 90 * (index % 2)) as u8;
        let bytes: Vec<u8> = (0..12 * 24 * 32 * 3).map(byte).collect();
        Ok((Clip::from_rgb(&bytes, [24, 32])?, vec![index % 2]))
    };
    Ok(Arc::new(HeldClips::new((0..clips).map(clip).collect::<Result<Vec<_>, Error>>()?)))
}

/// Shuffled, cropped, mirrored and mixed; a checkpoint after every second step.
pub(super) const RECIPE: &str = "
    epochs = 3
    batch = 4
    micro_batch = 2
    seed = 5
    mlp_dropout = 0.1
    [stochastic_depth]
    rate = 0.3
    [optimiser.adamw]
    weight_decay = 0.01
    [schedule]
    rate = 1e-3
    warm_up_steps = 2
    [augmentation]
    frames = 9
    stride = 1
    short_edge = 20
    crop = [9, 17]
    flip = 0.5
    mixup = 0.3
    [evaluation]
    every_epochs = 1
    test_every_epochs = 0
    [checkpoints]
    every_steps = 2
    keep = 1
";

/// When a training is cut off: after a step, or after what follows that step.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    Step(u64),
    Evaluation(u64),
    Checkpoint(u64),
}

/// Who looks on until a moment at which the training is cut off.
#[derive(Default)]
pub(super) struct Until {
    cut_at: Option<Moment>,
    interrupted_after: Option<u64>,
    /// Interrupted when it is asked so often whether it is.
    interrupted_when_asked: Option<usize>,
    asked: Cell<usize>,
    steps: Vec<u64>,
    scores: Vec<Option<f64>>,
}

impl Until {
    /// An error where the training is cut off now.
    fn passed(&self, moment: Moment) -> tubelet::Result<()> {
        match self.cut_at == Some(moment) {
            true => Err(Error::new(ErrorKind::Io, "cut off")),
            false => Ok(()),
        }
    }
}

impl Onlooker for Until {
    fn step(&mut self, step: &TrainedStep) -> tubelet::Result<()> {
        self.steps.push(step.step);
        self.passed(Moment::Step(step.step))
    }

    fn evaluated(&mut self, step: u64, _: u64, outcome: &ValidationOutcome) -> tubelet::Result<()> {
        self.scores.push(outcome.score());
        self.passed(Moment::Evaluation(step))
    }

    fn saved(&mut self, step: u64, _: &Path) -> tubelet::Result<()> {
        self.passed(Moment::Checkpoint(step))
    }

    fn interrupted(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        let asked = self.interrupted_when_asked.is_some_and(|often| self.asked.get() >= often);
        asked || self.interrupted_after.is_some_and(|after| self.steps.last().is_some_and(|step| *step >= after))
    }
}

/// A training in a folder, from its last checkpoint on where it has one.
pub(super) fn run(
    device: &Device,
    folder: &Path,
    recipe: &Recipe,
    until: &mut Until,
) -> Result<tubelet::Result<()>, Failed> {
    let task = Task::new(Labelling::Single, 5)?;
    let checkpoints = CheckpointFolder::open(folder.join("checkpoints"), recipe.checkpoints.keep)?;
    let (resumed, options) = (checkpoints.last()?, TrainerOptions::of(recipe));
    let trainer = match &resumed {
        Some(Resumed { checkpoint, state, .. }) => Trainer::resume(device, checkpoint.clone(), state.clone(), options)?,
        None => {
            let config = small::config(Joint.into());
            let parameters = small::parameters(&config)?;
            Trainer::new(device, Checkpoint::new(config, parameters).provenance(Provenance::Scenic), options)?
        }
    };
    let loading = LoaderOptions::of(recipe).layout(trainer.model().layout()).workers(2);
    let loader = Loader::new(source(11)?, &task, loading)?;
    let training = TrainingRun::new(recipe, &task, trainer, loader, folder)?.validation(source(4)?, None);
    let mut training = match &resumed {
        Some(Resumed { path, progress, .. }) => training.resume(progress, path)?,
        None => training,
    };
    Ok(training.finish(until))
}

/// Cut off after each of its steps in turn, or interrupted, it ends with the same bits.
pub(super) fn goes_on(device: &Device) -> Result<Shown, Failed> {
    let recipe = Recipe::parse(RECIPE)?;
    let whole = tempfile::tempdir()?;
    let mut until = Until::default();
    run(device, whole.path(), &recipe, &mut until)??;
    assert_eq!((until.steps.len(), until.scores.len()), (6, 3));
    let model = |folder: &Path| fs::read(folder.join("model.safetensors"));
    let expected = model(whole.path())?;
    // On a software device every training compiles its shaders for seconds.
    let cuts: &[u64] = if device.gpu().is_some() { &[1, 4] } else { &[1, 2, 3, 4, 5, 6] };
    for &cut in cuts {
        let folder = tempfile::tempdir()?;
        let mut until = Until { cut_at: Some(Moment::Step(cut)), ..Until::default() };
        assert!(run(device, folder.path(), &recipe, &mut until)?.is_err());
        run(device, folder.path(), &recipe, &mut Until::default())??;
        assert_eq!(model(folder.path())?, expected, "cut off after step {cut}");
    }
    let folder = tempfile::tempdir()?;
    let mut until = Until { interrupted_after: Some(3), ..Until::default() };
    let error = run(device, folder.path(), &recipe, &mut until)?.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    let mut until = Until::default();
    run(device, folder.path(), &recipe, &mut until)??;
    assert_eq!((until.steps, model(folder.path())?), (vec![4, 5, 6], expected.clone()));
    // Asked once for each batch and once between its two parts: this is the middle of the second step.
    let folder = tempfile::tempdir()?;
    let mut until = Until { interrupted_when_asked: Some(4), ..Until::default() };
    let error = run(device, folder.path(), &recipe, &mut until)?.unwrap_err();
    assert_eq!((error.kind(), until.steps), (ErrorKind::Interrupted, vec![1]));
    let mut until = Until::default();
    run(device, folder.path(), &recipe, &mut until)??;
    assert_eq!((until.steps, model(folder.path())?), (vec![2, 3, 4, 5, 6], expected));
    // By another recipe it does not go on.
    let other = Recipe::parse(&RECIPE.replace("seed = 5", "seed = 6"))?;
    let mut until = Until { interrupted_after: Some(2), ..Until::default() };
    let folder = tempfile::tempdir()?;
    assert!(run(device, folder.path(), &recipe, &mut until)?.is_err());
    let error =
        run(device, folder.path(), &other, &mut Until::default()).err().map(|error| error.message().map(str::to_owned));
    assert!(error.flatten().is_some_and(|error| error.contains("another recipe")));
    Ok(Shown::Passed)
}

/// What a kill leaves of a checkpoint that was being written: a folder under another name, with whole files and one that was
/// cut short.
#[cfg(feature = "cpu")]
fn leave_unfinished(folder: &Path, from: &Path, whole: &[&str], short: &str) -> std::io::Result<()> {
    let unfinished = folder.join("checkpoints/.tubelet-0aZ4bC9x.unfinished");
    fs::create_dir_all(&unfinished)?;
    for name in whole {
        fs::copy(from.join(name), unfinished.join(name))?;
    }
    let bytes = fs::read(from.join(short))?;
    fs::write(unfinished.join(short), &bytes[..bytes.len() / 2])
}

/// What a kill leaves of a checkpoint that was being removed: the file that makes it one goes first.
#[cfg(feature = "cpu")]
fn leave_half_removed(folder: &Path, from: &Path, step: u64) -> std::io::Result<()> {
    let removed = folder.join(format!("checkpoints/step-{step:08}"));
    fs::create_dir_all(&removed)?;
    if removed.join("training.json").exists() {
        fs::remove_file(removed.join("training.json"))?;
    }
    fs::copy(from.join("model.safetensors"), removed.join("model.safetensors")).map(drop)
}

/// One training, killed ten times: between steps, around evaluations, while a checkpoint or the model is written or an old
/// checkpoint removed. Each time it goes on from the last whole checkpoint, and it ends with the same bits.
#[cfg(feature = "cpu")]
pub(super) fn killed_ten_times(device: &Device) -> Result<(), Failed> {
    type Left = fn(&Path, &Path) -> std::io::Result<()>;
    let nothing: Left = |_, _| Ok(());
    let kills: [(Moment, Left, &[u64]); 10] = [
        (Moment::Step(1), nothing, &[1]),
        (Moment::Step(2), |folder, from| leave_unfinished(folder, from, &[], "model.safetensors"), &[1, 2]),
        (
            Moment::Evaluation(2),
            |folder, from| {
                leave_unfinished(folder, from, &["model.safetensors", "config.json"], "optimiser.safetensors")
            },
            &[1, 2],
        ),
        (Moment::Checkpoint(2), nothing, &[1, 2]),
        (Moment::Step(3), nothing, &[3]),
        (Moment::Step(4), |folder, from| leave_half_removed(folder, from, 4), &[3, 4]),
        (Moment::Checkpoint(4), |folder, from| leave_half_removed(folder, from, 2), &[3, 4]),
        (
            Moment::Step(5),
            |folder, from| {
                let whole = ["model.safetensors", "config.json", "optimiser.safetensors"];
                leave_unfinished(folder, from, &whole, "training.json")
            },
            &[5],
        ),
        (Moment::Evaluation(6), nothing, &[5, 6]),
        (
            Moment::Checkpoint(6),
            |folder, from| {
                fs::copy(from.join("model.safetensors"), folder.join(".tubelet-0aZ4bC9y.unfinished"))?;
                fs::copy(from.join("model.safetensors"), folder.join("model.safetensors")).map(drop)
            },
            &[5, 6],
        ),
    ];
    let recipe = Recipe::parse(RECIPE)?;
    let [whole, killed] = [tempfile::tempdir()?, tempfile::tempdir()?];
    let mut until = Until::default();
    run(device, whole.path(), &recipe, &mut until)??;
    let score = until.scores.last().copied();
    let last = CheckpointFolder::open(whole.path().join("checkpoints"), 1)?.last()?.ok_or("no checkpoint is kept")?;
    for (moment, leave, steps) in kills {
        let mut until = Until { cut_at: Some(moment), ..Until::default() };
        let error = run(device, killed.path(), &recipe, &mut until)?.unwrap_err();
        assert!(error.to_string().contains("cut off"), "{moment:?}: {error}");
        assert_eq!(until.steps, steps, "{moment:?}");
        leave(killed.path(), &last.path)?;
    }
    let mut until = Until::default();
    run(device, killed.path(), &recipe, &mut until)??;
    assert!(until.steps.is_empty(), "nothing was left but to write the model: {:?}", until.steps);
    let end = CheckpointFolder::open(killed.path().join("checkpoints"), 1)?.last()?.ok_or("no checkpoint is left")?;
    assert_eq!(end.progress, last.progress);
    assert_eq!(end.progress.score, score.flatten());
    for name in ["model.safetensors", "config.json"] {
        assert!(fs::read(killed.path().join(name))? == fs::read(whole.path().join(name))?, "{name} is another");
    }
    for name in ["model.safetensors", "optimiser.safetensors"] {
        assert!(
            fs::read(end.path.join(name))? == fs::read(last.path.join(name))?,
            "{name} of the checkpoint is another"
        );
    }
    Ok(())
}
