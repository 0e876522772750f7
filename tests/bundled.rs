//! The model that is part of the library: its files, its name, what it knows, and that it says everywhere the same.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use common::{DeviceTests, Shown, data};
use libtest_mimic::Failed;
use serde_json::Value;
use tubelet::checkpoint::{self, Checkpoint, Hub, Provenance};
use tubelet::graph::Device;
use tubelet::motions::{Motion, MotionClip, MotionOptions, MotionSet, Motions, Split};
use tubelet::tensor::{Closeness, Tensor, Tolerance};
use tubelet::video::Sampling;
use tubelet::vivit::{Config, Labelling};
use tubelet::{Classes, Clip, LoadOptions, Vivit};

type Outcome = Result<(), Failed>;

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    tests.add_without_device("its files are small and hold halves", files);
    tests.add_without_device("its files are in the package", packaged);
    tests.add_without_device("its classes are the motions that the program makes", classes);
    tests.add_without_device("its name wins over a folder", name);
    tests.add_without_device("scripts/try.sh needs no driver and no network", tried);
    tests.add_without_device("it tells motions that it has not seen", recognises);
    tests.add("the device says what the processor says", alike);
    tests.run("bundled")
}

const NAME: &str = "motions";
const FILES: [&str; 3] = ["config.json", "model.safetensors", "preprocessor_config.json"];
/// Bytes of all files: they come with every copy of the program.
const MOST_BYTES: u64 = 2_000_000;
const CLASSES: usize = 20;
/// What it was trained on.
const SETS: [MotionSet; 2] = [MotionSet::Shapes, MotionSet::Camera];

fn ensure(holds: bool, what: impl Into<String>) -> Outcome {
    if holds { Ok(()) } else { Err(Failed::from(what.into())) }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> PathBuf {
    root().join("models").join(NAME)
}

fn bundled() -> Result<Checkpoint, Failed> {
    Ok(checkpoint::bundled(NAME)?)
}

fn files() -> Outcome {
    let held = bundled()?;
    let arrays = checkpoint::contents(NAME, &Hub::default())?;
    let other = arrays.iter().find(|array| array.dtype != "F16");
    ensure(other.is_none(), format!("not in halves: {other:?}"))?;
    let sizes = FILES.map(|file| fs::metadata(folder().join(file)).map(|metadata| metadata.len()));
    let bytes = sizes.into_iter().sum::<Result<u64, _>>()?;
    ensure(bytes < MOST_BYTES, format!("{bytes} bytes are not below {MOST_BYTES}"))?;

    // What is held is what lies in the folder, as all that reads folders takes it.
    let read = checkpoint::load(&folder().display().to_string())?;
    assert_eq!((&held.config, &held.labels, held.provenance), (&read.config, &read.labels, read.provenance));
    assert_eq!((held.preprocessor, held.notes), (read.preprocessor, read.notes));
    for tensor in read.parameters.names() {
        let same = held.parameters.tensor(tensor)? == read.parameters.tensor(tensor)?;
        ensure(same, format!("{tensor} is another in the folder"))?;
    }
    Ok(())
}

fn packaged() -> Outcome {
    let package = ["package", "--list", "--allow-dirty", "--offline"];
    let output = Command::new(env!("CARGO")).args(package).current_dir(root()).output()?;
    let (listed, said) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    ensure(output.status.success(), format!("cargo lists no package: {said}"))?;
    for file in FILES {
        let path = format!("models/{NAME}/{file}");
        let is_listed = listed.lines().any(|line| line.replace('\\', "/") == path);
        ensure(is_listed, format!("{path} is not in the package: it is missing, ignored or excluded"))?;
    }
    Ok(())
}

fn classes() -> Outcome {
    let Checkpoint { config, labels, provenance, notes, .. } = bundled()?;
    let labels = labels.ok_or("its classes have no names")?;
    assert_eq!((config.classes, labels.len()), (CLASSES, CLASSES));
    assert_eq!((&config.labelling, provenance), (&Labelling::Single, Provenance::Scenic));
    ensure(notes.is_empty(), format!("notes, which every use prints: {notes:?}"))?;
    for motion in MotionOptions::new(SETS).classes() {
        ensure(labels.iter().any(|label| label == motion.name()), format!("no class is called {motion}"))?;
    }
    Ok(())
}

/// The program in a folder, without a network and, in Linux, without a driver; what it printed.
fn program(arguments: &[&str], folder: &Path) -> Result<String, Failed> {
    let none = folder.join("none");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tubelet"));
    command.args(arguments).current_dir(folder).env_remove("RUST_LOG").env_remove("TUBELET_DEVICE");
    command
        .env("VK_DRIVER_FILES", &none)
        .env("VK_ICD_FILENAMES", &none)
        .env("HF_HUB_OFFLINE", "1")
        .env("HF_HOME", &none);
    let output = command.output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure(output.status.success(), format!("tubelet {}: {said}", arguments.join(" ")))?;
    Ok(String::from_utf8(output.stdout)?)
}

fn name() -> Outcome {
    bundled()?;
    let room = tempfile::tempdir()?;
    let inspect = |model: &str| -> Result<Value, Failed> {
        Ok(serde_json::from_str(&program(&["inspect", model, "--json"], room.path())?)?)
    };
    let alone = inspect(NAME)?;
    ensure(alone["summary"]["labels"] == CLASSES, "another model")?;
    ensure(alone["summary"]["notes"] == serde_json::json!([]), "a note where nothing else has its name")?;

    // A folder of videos has that name often.
    let folder = room.path().join(NAME);
    fs::create_dir(&folder)?;
    ensure(inspect(NAME)?["summary"] == alone["summary"], "a folder of something else decides")?;
    for file in ["config.json", "model.safetensors"] {
        fs::copy(data("hf-tiny").join(file), folder.join(file))?;
    }
    let beside = inspect(NAME)?;
    ensure(beside["elements"] == alone["elements"], "the folder of a model wins")?;
    ensure(beside["summary"]["notes"].to_string().contains("./motions"), "no word of the folder")?;
    let path = format!("./{NAME}");
    for path in [path.as_str(), &format!("{NAME}/"), &folder.display().to_string()] {
        ensure(inspect(path)?["elements"] != alone["elements"], format!("{path} is not the folder"))?;
    }
    program(&["convert", NAME, NAME, "--force"], room.path())?;
    ensure(inspect(&path)?["summary"]["labels"] == CLASSES, "the model was not written into the folder")
}

/// What the README's first command prints.
fn tried() -> Outcome {
    let labels = bundled()?.labels.ok_or("its classes have no names")?;
    let script = fs::read_to_string(root().join("scripts/try.sh"))?;
    let own = script.lines().find_map(|line| line.split_once("|| set -- ")).ok_or("no arguments of its own")?.1;
    let command = script.lines().find_map(|line| line.split_once("tubelet -- ")).ok_or("no command")?.1;
    let command = command.replace("\"$@\"", own);
    let printed = program(&command.split_whitespace().collect::<Vec<_>>(), root())?;
    let windows: Vec<&str> = printed.lines().filter(|line| line.contains(" s  ") && line.contains('%')).collect();
    ensure(windows.len() >= 5, format!("{} windows:\n{printed}", windows.len()))?;
    let untold = windows.iter().find(|window| !labels.iter().any(|label| window.contains(label.as_str())));
    ensure(untold.is_none(), format!("no class is named: {untold:?}"))
}

/// Another than those of the training, for other textures and ways.
const SEED: u64 = 1_000_003;

/// Labelled clips of the model's length, of each class so many.
fn clips(config: &Config, count: usize) -> Result<Vec<(Clip, &'static str)>, Failed> {
    let options = MotionOptions::new(SETS).split(Split::Validation).clips(count).frames(config.frames);
    let motions = Motions::new(options.seed(SEED))?;
    let clip = |labelled: tubelet::Result<MotionClip>| labelled.map(|labelled| (labelled.clip, labelled.motion.name()));
    Ok(motions.iter().map(clip).collect::<tubelet::Result<_>>()?)
}

fn on(device: &Device) -> Result<Vivit, Failed> {
    Ok(Vivit::from_checkpoint(device, bundled()?, LoadOptions::default())?)
}

/// What it is held to: the first motions of the shapes, all of them, and all of a camera, with the share that is told at least.
const TOLD: [(&[Motion], f64); 3] = [
    (&[Motion::MoveLeft, Motion::MoveRight, Motion::MoveUp, Motion::MoveDown], 0.9),
    (MotionSet::Shapes.motions(), 0.75),
    (MotionSet::Camera.motions(), 0.97),
];

/// Twenty clips of each class, made with another seed.
fn recognises() -> Outcome {
    let model = on(&Device::host(None)?)?;
    let taken = Sampling::Central { frames: model.config().frames, stride: 1 };
    ensure(model.sampling() == taken, format!("clips are taken as {:?}", model.sampling()))?;
    let clips = clips(model.config(), 20)?;
    for (motions, least) in TOLD {
        let names: Vec<_> = motions.iter().map(|motion| motion.name()).collect();
        let (mut all, mut wrong) = (0, Vec::new());
        for (clip, motion) in clips.iter().filter(|(_, motion)| names.contains(motion)) {
            all += 1;
            match model.classify(clip)?.top(1).pop() {
                Some(class) if class.name == *motion => {}
                class => wrong.push(format!("{motion} as {}", class.map_or("nothing".to_owned(), |class| class.name))),
            }
        }
        let told = 1.0 - wrong.len() as f64 / all as f64;
        ensure(told >= least, format!("{:.1} % of {all} are told: {}", 100.0 * told, wrong.join(", ")))?;
    }
    Ok(())
}

fn alike(device: &Device) -> Result<Shown, Failed> {
    let (here, there) = (on(&Device::host(None)?)?, on(device)?);
    let logits = |classes: &Classes| Tensor::f32([CLASSES], classes.all().iter().map(|class| class.logit).collect());
    for (clip, motion) in clips(here.config(), 1)? {
        let [expected, found] = [logits(&here.classify(&clip)?)?, logits(&there.classify(&clip)?)?];
        match Closeness::between(&found, &expected) {
            Some(closeness) if closeness.within(Tolerance { relative_l2: 1e-5, share_of_peak: 1e-5 }) => {}
            closeness => return Err(Failed::from(format!("{motion}: {closeness:?}"))),
        }
    }
    Ok(Shown::Passed)
}
