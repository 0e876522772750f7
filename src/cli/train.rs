//! `tubelet train`.

mod data;
mod onlooker;
mod recipe;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueHint;
use serde::Serialize;
use tubelet::checkpoint::{Checkpoint, Hub};
use tubelet::eval::Task;
use tubelet::tensor::{Error, ErrorKind, Result};
use tubelet::train::report::{RunEnding, RunHeader, RunReport, TrainedHead};
use tubelet::train::{
    CheckpointFolder, Loader, LoaderOptions, Recipe, Resumed, Start, StartingPoint, Trainer, TrainerOptions,
    TrainingRun, ValidationOutcome,
};
use tubelet::vivit::{LabelHead, Labelling};

use super::arguments::ChoiceArguments;
use super::interruption::Finishing;
use super::preamble::Preamble;
use super::video::counted;
use super::{output, progress};
use data::{DataArguments, Meaning, Videos};
use onlooker::Terminal;
use recipe::RecipeArguments;

/// Train a model on labelled videos, or fine-tune one on classes of your own
#[derive(clap::Args)]
#[command(
    override_usage = "tubelet train [OPTIONS] --output <DIR> --model <DIR_OR_NAME> <MANIFEST>
       tubelet train [OPTIONS] --output <DIR> --from scratch <MANIFEST>
       tubelet train [OPTIONS] --output <DIR> --from scratch --motions <SETS>",
    after_help = "\
Without --recipe a trained video model gets a new head and learns the classes of the videos, all of its weights. Some ten \
videos of each class are enough to begin with: put those of each class into a folder of its own. A fifth of them is kept \
apart, and evaluated on after each epoch.

DIR becomes a model that every other command takes. It also holds recipe.toml, the recipe in full; training.html, with \
curves, to be opened while it runs; steps.jsonl, whose keys docs/training.md lists; events for TensorBoard; and the last \
checkpoints and the best, each of them a model too. A training that was interrupted, or killed at any moment, goes on by the \
same command with --resume, and ends with the same bits.

Examples:
  tubelet train videos/ --model google/vivit-b-16x2-kinetics400 --output mine
  tubelet train videos/ --model DIR --output mine --epochs 30 --rate 5e-5
  tubelet train videos/ --model DIR --output mine --freeze embeddings,encoder
  tubelet train videos/ --model DIR --output mine --resume
  tubelet train motions/train.csv --labels motions/classes.txt --from scratch \\
      --shape vit-ti/16x2 --kind 2 --frames 32 --size 112 --epochs 20 \\
      --validation motions/validation.csv --output motions-model
  tubelet train --motions shapes,camera --motion-clips 200 --from scratch \\
      --shape vit-ti/16x2 --kind 2 --frames 16 --size 48 --stride 1 \\
      --output both
  tubelet train k400_train.csv --root videos/ --recipe k400 --model vit.npz \\
      --validation k400_val.csv --output k400"
)]
pub(super) struct Train {
    #[command(flatten)]
    data: DataArguments,
    /// The model to begin from: a folder or file of weights, a name on the Hugging Face hub, or motions, the bundled
    /// model.
    #[arg(short, long, value_name = "DIR_OR_NAME", value_hint = ValueHint::AnyPath)]
    model: Option<String>,
    /// The folder to write.
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    output: PathBuf,
    /// Go on with the training in --output, or begin where there is none.
    #[arg(long)]
    resume: bool,
    /// Look at what each layer gives and at each gradient, so that the layer is named in which they cease to be numbers; on a
    /// GPU this takes a little time.
    #[arg(long, hide_short_help = true)]
    watch: bool,
    #[command(flatten)]
    recipe: RecipeArguments,
    #[command(flatten)]
    device: ChoiceArguments,
    /// Print JSON: a line for each step, evaluation and checkpoint, and one at the end.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    kind: &'static str,
    /// Which of the models, and its sizes.
    architecture: String,
    classes: usize,
    /// Videos to learn from, and to evaluate on.
    videos: [usize; 2],
    steps: u64,
    epochs: u64,
    /// Of the last step.
    loss: Option<f32>,
    /// Of the last evaluation: how often the model was right, or its mean average precision.
    score: Option<f64>,
    /// Which of these it is: `top-1`, of several heads such as `action top-1`, or `mAP`.
    measure: String,
    /// The checkpoint of the highest score.
    #[serde(skip_serializing_if = "Option::is_none")]
    best: Option<Best>,
    seconds: f64,
    output: String,
}

#[derive(Serialize)]
struct Best {
    path: String,
    step: u64,
    score: Option<f64>,
}

impl super::Run for Train {
    fn run(self) -> Result<()> {
        let recipe = self.recipe.recipe()?;
        self.check_output()?;
        let resumed = self.earlier(&recipe)?;
        let Begun { recipe, checkpoint, meaning } = self.begin(recipe, resumed.as_ref())?;
        let videos = self.data.videos(&meaning, &recipe)?;
        // What goes on has it from its beginning.
        let checkpoint = match &resumed {
            Some(Resumed { checkpoint: Checkpoint { trained_on: Some(_), .. }, .. }) => checkpoint,
            _ => {
                let data = self.data.described(&videos, &meaning, &recipe)?;
                let earlier = checkpoint.trained_on.clone();
                checkpoint.trained_on(earlier.map_or(data.clone(), |earlier| format!("{earlier}; then {data}")))
            }
        };
        let device = self.device.open(true, false)?;
        let options = TrainerOptions::of(&recipe).variants(self.device.variant.clone()).watched(self.watch);
        let source = checkpoint.source.clone();
        let trainer = match &resumed {
            Some(resumed) => Trainer::resume(&device, checkpoint, resumed.state.clone(), options)?,
            None => Trainer::new(&device, checkpoint, options)?,
        };
        let loading = LoaderOptions::of(&recipe).layout(trainer.model().layout());
        let loading = loading.timeout(self.data.opening().timeout());
        let loader = Loader::new(videos.training.clone(), &meaning.task, loading)?;
        let run = TrainingRun::new(&recipe, &meaning.task, trainer, loader, &self.output)?;
        let run = run.validation(videos.validation.clone(), self.data.opening().timeout());
        let run = match &resumed {
            Some(Resumed { path, progress, .. }) => run.resume(progress, path)?,
            None => run,
        };
        recipe.write(self.output.join("recipe.toml"))?;
        self.finish(run, &recipe, &meaning, &videos, &source)
    }
}

/// What a training begins with.
struct Begun {
    recipe: Recipe,
    checkpoint: Checkpoint,
    meaning: Meaning,
}

impl Train {
    /// An error where there is a training, or a model, that would be overwritten.
    fn check_output(&self) -> Result<()> {
        let present = ["steps.jsonl", "config.json"].map(|name| self.output.join(name)).into_iter();
        match present.filter(|path| path.exists()).find(|_| !self.resume) {
            Some(path) => Err(Error::usage(format!(
                "{} is there already: go on with its training by --resume, or name another folder",
                path.display()
            ))),
            None if self.output.is_file() => {
                Err(Error::usage(format!("{} is a file: name a folder to write", self.output.display())))
            }
            None if !self.resume && is_in_use(&self.output) => Err(Error::usage(format!(
                "{} holds files that are no training's: name a folder that is new or empty",
                self.output.display()
            ))),
            None => Ok(()),
        }
    }

    /// The last checkpoint in the folder, to go on from.
    fn earlier(&self, recipe: &Recipe) -> Result<Option<Resumed>> {
        let folder = self.output.join("checkpoints");
        if !self.resume || !folder.is_dir() {
            return Ok(None);
        }
        CheckpointFolder::open(folder, recipe.checkpoints.keep)?.last()
    }

    /// The model that learns, its recipe with the size of its clips, and what labels mean to it.
    fn begin(&self, recipe: Recipe, resumed: Option<&Resumed>) -> Result<Begun> {
        if let Some(Resumed { checkpoint, progress, path, .. }) = resumed {
            let as_model = matches!(recipe.start, Start::Checkpoint(_));
            let recipe = if as_model {
                self.recipe.for_model(recipe, &checkpoint.config, checkpoint.learnt_clips)
            } else {
                recipe
            };
            recipe.validate()?;
            progress.check(&recipe)?;
            let task = Task::of(&checkpoint.config)?;
            let meaning = self.data.meaning(Some((task, checkpoint.labels.clone())))?;
            output::note(&format!("going on after step {}, from {}", progress.step, path.display()));
            return Ok(Begun { recipe, checkpoint: checkpoint.clone(), meaning });
        }
        let start = {
            let _spinner = progress::spinner("loading checkpoint");
            StartingPoint::load(&recipe, self.model.as_deref(), &Hub::from_env().progress(true), &Default::default())?
        };
        let recipe = match start.video_model() {
            Some(config) => self.recipe.for_model(recipe, config, start.learnt_clips()),
            None => recipe,
        };
        recipe.validate()?;
        let meaning = self.data.meaning(start.kept_task()?)?;
        let checkpoint = start.checkpoint(&recipe, &meaning.task, meaning.names.all())?;
        Ok(Begun { recipe, checkpoint, meaning })
    }

    /// Trains until it is done, and says how it went.
    fn finish(
        &self,
        mut run: TrainingRun,
        recipe: &Recipe,
        meaning: &Meaning,
        videos: &Videos,
        source: &str,
    ) -> Result<()> {
        let begun = Instant::now();
        let model = run.trainer().model().clone();
        let header = RunHeader::new(format!("{}, {source}", model.config()), model.device().name(), recipe.to_text()?)
            .length(run.total(), run.epochs())
            .seed(recipe.seed)
            .heads(heads(meaning));
        let report = match self.resume {
            true => RunReport::resume(&self.output, header, run.step())?,
            false => RunReport::begin(&self.output, header)?,
        };
        let (total, learnt) = (output::grouped(run.total()), counted(videos.training.count(), "video"));
        output::note(&format!("training {}: {learnt}, {total} steps", model.config()));
        let mut terminal = Terminal::new(report, &meaning.task, [run.step(), run.total()], self.json);
        let outcome = {
            let _finishing = Finishing::saying(ENDS_SOON);
            run.finish(&mut terminal)
        };
        let mut report = terminal.into_report();
        for (name, reason) in run.failed() {
            output::note(&format!("{name} could not be read, and another was shown in its place: {reason}"));
        }
        match outcome {
            Ok(()) => report.end(RunEnding::done(run.step()))?,
            Err(error) => {
                report.end(RunEnding::stopped(run.step(), error.to_string()))?;
                if error.kind() == ErrorKind::Interrupted {
                    let output = self.output.display();
                    output::note(&format!("{error}; {output} has it, and the same command with --resume goes on"));
                }
                if error.kind() == ErrorKind::Device && !self.watch && model.device().gpu().is_some() {
                    output::note(
                        "the same command with --resume --watch takes the same steps again, and names the layer",
                    );
                }
                return Err(error);
            }
        }
        let last = report.record();
        let best = run.checkpoints().best();
        let summary = Report {
            preamble: Preamble::new("train").model(&model),
            kind: "end",
            architecture: model.config().to_string(),
            classes: model.config().classes,
            videos: [videos.training.count(), videos.validation.as_ref().map_or(0, |source| source.count())],
            steps: run.total(),
            epochs: run.epochs(),
            loss: last.steps().last().map(|step| step.loss),
            score: run.checkpoints().all().pop().and_then(|(_, progress)| progress.score),
            measure: ValidationOutcome::score_name(&meaning.task),
            best: best.map(|(path, progress)| Best::new(&path, progress.step, progress.score)),
            seconds: begun.elapsed().as_secs_f64(),
            output: self.output.display().to_string(),
        };
        match self.json {
            true => output::json_line(&summary).map(drop),
            false => output::print(&describe(&summary)),
        }
    }
}

impl Best {
    fn new(path: &Path, step: u64, score: Option<f64>) -> Self {
        Self { path: path.display().to_string(), step, score }
    }
}

/// What is said at Ctrl-C.
const ENDS_SOON: &str = "interrupted: the training ends within this step, or after this evaluation, and is written down to go on from; \
    Ctrl-C once more ends it at once, and what was learnt since the last checkpoint is lost";

/// Whether a folder is there and something in it.
fn is_in_use(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

/// The heads with the names of their classes, which are numbers where they have none.
fn heads(meaning: &Meaning) -> Vec<TrainedHead> {
    let (heads, alone) = (meaning.task.heads(), meaning.task.heads().len() == 1);
    if *meaning.task.labelling() == Labelling::Multiple {
        return Vec::new();
    }
    let of_head = |(index, head): (usize, &LabelHead)| {
        let class = |class: usize| meaning.names.name(index, class).map_or_else(|| class.to_string(), str::to_owned);
        let name = if alone { String::new() } else { head.name.clone() };
        TrainedHead::new(name, (0..head.classes).map(class).collect())
    };
    heads.iter().enumerate().map(of_head).collect()
}

fn describe(report: &Report) -> String {
    let share = |score: Option<f64>| score.map_or("-".to_owned(), |score| format!("{:.1} %", 100.0 * score));
    let [training, validation] = report.videos;
    let best = match &report.best {
        Some(best) => format!("{} after step {}, {}", share(best.score), best.step, best.path),
        None => "-".to_owned(),
    };
    output::fields([
        ("model", report.architecture.clone()),
        ("videos", format!("{training} to learn from, {validation} to evaluate on")),
        ("steps", format!("{} in {}", output::grouped(report.steps), counted(report.epochs as usize, "epoch"))),
        ("loss", report.loss.map_or("-".to_owned(), |loss| format!("{loss:.4}"))),
        (report.measure.as_str(), share(report.score)),
        ("best", best),
        ("time", output::roughly(Duration::from_secs_f64(report.seconds))),
        ("written", report.output.clone()),
    ])
}
