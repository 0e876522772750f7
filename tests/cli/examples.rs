//! Every command that the README and `--help` show is run, and what the README shows of its output is compared.
//!
//! The commands run as they stand, by a shell, in a folder that holds what they name: [`Room`] lists it. What cannot be run
//! in a test, since it takes a network, a camera or minutes, is replaced by what [`STAND_INS`] says. Output is compared
//! word by word: numbers may differ by what devices differ, `…` stands for anything, at the end of a line or as a line, and
//! lines on devices and times, and bars of classes of random weights, are anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Failed;
use npyz::WriterBuilder;
use tempfile::TempDir;
use tubelet::checkpoint::{self, Provenance};
use tubelet::vivit::{Config, Tubelet};

use super::common::data;
use super::{Outcome, Ran, ensure, tubelet};

/// What is run in the place of something else, the first that a command holds first.
const STAND_INS: [(&str, &str); 30] = [
    // No network.
    ("facebook/dinov2-small", "vit.npz"),
    // No camera.
    ("rtsp://CAMERA", "clip.mp4"),
    // Large tubelets, for a forward pass of a moment.
    ("--untrained vit-ti", "--untrained vit-ti/56x16"),
    ("--untrained vit-b", "--untrained vit-b/56x4"),
    // Not every machine has one.
    ("--device software", "--device fastest"),
    ("jq '.devices[0].limits'", "grep limits"),
    // All kernels at real sizes take minutes.
    ("tubelet bench --full", "tubelet bench --kernel pool --row-seconds 0.02 --alone"),
    ("tubelet bench --json", "tubelet bench --kernel pool --row-seconds 0.02 --alone --json"),
    ("--kernel attention,linear", "--kernel pool,softmax --row-seconds 0.02 --alone"),
    ("--kernel all", "--kernel pool --row-seconds 0.02 --alone"),
    ("bench --kinds 1,2 --frames 8,16 --size 112", "bench --kinds 1,2 --frames 2,4 --size 32 --row-seconds 0.02"),
    ("bench --backward", "bench --backward --kinds 1 --backbone ti --frames 2 --size 32 --row-seconds 0.02"),
    ("bench --forward --untrained", "bench --forward --row-seconds 0.02 --untrained"),
    ("bench --forward --device cpu", "bench --forward --row-seconds 0.02 --device cpu --untrained vit-ti/56x16"),
    ("check --kernel attention --variant", "check --kernel softmax --variant"),
    ("check --device cpu", "check --kernel softmax --device cpu"),
    ("check --all-adapters", "check --kernel softmax --all-adapters"),
    ("--soak 30", "--kernel softmax --soak 0.02"),
    // The checkpoint beside the examples is a small one.
    ("--option order=space-time --frames 32 --size 224", "--option order=space-time --frames 10 --size 24x40"),
    ("--option order=time-space --frames 32 --size 224", "--option order=space-time --frames 10 --size 24x40"),
    // Its patches are small.
    ("--tubelet 16x2", "--tubelet 4x2"),
    // A thousand videos.
    ("--motion-clips 20", "--motion-clips 1"),
    ("--set camera --output motions", "--set camera --output motions --clips 1 --frames 4"),
    ("--clips 500 --size 64", "--clips 1 --size 64 --frames 4"),
    ("--set dots --frames 16", "--set dots --frames 4 --clips 1"),
    ("--photographs photos/", "--photographs frames/ --clips 1 --frames 4"),
    // A training takes minutes; tests of its own run it on small videos.
    ("tubelet train ", "true tubelet train "),
    // A home of its own.
    ("~/", "home/"),
    ("tests/data/", "data/"),
    ("scripts/try.sh", "bash -n scripts/try.sh"),
];

/// Commands that are run as others, whole.
const WHOLE: [(&str, &str); 5] = [
    // Tiles are timed once, where keys of JSON are looked at.
    ("tubelet devices --tune", "tubelet devices"),
    ("tubelet bench", "tubelet bench --kernel pool --row-seconds 0.02 --alone"),
    ("tubelet check", "tubelet check --kernel softmax"),
    ("scripts/test.sh", "bash -n scripts/test.sh"),
    ("cargo install --path .", "test -f Cargo.toml"),
];

/// The command of a block that shows output alone.
const OUTPUT_ALONE: [(&str, &str); 1] = [(
    "video    1280×720 pixels",
    "tubelet classify tests/data/video/bigbuckbunny.mp4 --model motions --sliding 16 --stride 2 --step 4 --top 2",
)];

/// What `tubelet check` writes of a failure: here of what does not fail.
const FAILED_CASE: &str = r#"{ "schema": 1, "version": "0.1.0", "device": "another",
    "failed": { "case": { "kernel": "softmax", "variant": "plain", "name": "primes", "decisions": null } } }"#;

/// What the examples name, made once and linked into the folder of each command.
struct Room {
    folder: TempDir,
}

impl Room {
    fn new() -> Result<Self, Failed> {
        let room = Self { folder: tempfile::tempdir()? };
        let path = |name: &str| room.path(name);
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (name, file) in [
            ("data", data("")),
            ("scripts", root.join("scripts")),
            ("Cargo.toml", root.join("Cargo.toml")),
            ("before.json", root.join("tests/results/example.json")),
            ("after.json", root.join("tests/results/example.json")),
            ("vit.npz", data("vitnpz-tiny/vit.npz")),
            ("vivit_base_16x2", data("scenic-model1")),
            ("vivit_base_16x2_fe", data("scenic-model2")),
            ("checkpoint_77", data("scenic-model3/new_format/checkpoint_77")),
        ] {
            link(&file, &path(name))?;
        }
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25:duration=5"]);
        ensure(
            ffmpeg.args(["-pix_fmt", "yuv420p"]).arg(path("clip.mp4")).status()?.success(),
            "ffmpeg writes no video",
        )?;
        link(&path("clip.mp4"), &path("film.mp4"))?;
        fs::create_dir_all(path("tubelet-check/softmax-plain-primes"))?;
        fs::write(path("tubelet-check/softmax-plain-primes/case.json"), FAILED_CASE)?;
        for name in ["frames", "videos", "home/.local/share/bash-completion/completions"] {
            fs::create_dir_all(path(name))?;
        }
        for index in 0..120u8 {
            image::RgbImage::from_pixel(64, 48, image::Rgb([2 * index, 90, 60]))
                .save(path(&format!("frames/{index}.png")))?;
        }
        room.models()?;
        room.batch()?;
        room.data_sets()?;
        let clip = "clip clip.mp4 --model DIR --output clip.npy --device references";
        room.run(&format!("tubelet {clip} && cp clip.npy {}", path("clip.npy").display()))?;
        let begun = "tubelet init --from vit.npz --model 2 --output DIR";
        let kept =
            format!("cp DIR/config.json {} && cp -r DIR {}", path("config.json").display(), path("FILE").display());
        room.run(&format!("{begun} && {kept}"))?;
        Ok(room)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Two clips for the model.
    fn batch(&self) -> Outcome {
        let shape = [2, 16, 112, 160, 3];
        let file = fs::File::create(self.path("batch.npy"))?;
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
        writer.extend((0..shape.iter().product::<u64>()).map(|index| (0.37 * index as f32).sin()))?;
        writer.finish()?;
        Ok(())
    }

    /// A model of enough layers, heads and tokens for the examples, and a cache of the hub with small ones.
    fn models(&self) -> Outcome {
        let config = Config::named("vit-ti")?
            .frames(16)
            .rows(112)
            .columns(160)
            .tubelet(Tubelet { frames: 2, rows: 16, columns: 16 })
            .width(32)
            .heads(4)
            .hidden(64)
            .classes(10);
        let made = checkpoint::untrained(config, 0)?;
        checkpoint::save(self.path("DIR"), &made.provenance(Provenance::Scenic).notes(Vec::new()), false)?;
        for (name, files) in [("vivit-b-16x2-kinetics400", "hf-tiny"), ("vit-base-patch16-224-in21k", "hf-vit-tiny")] {
            let repository = self.path(&format!("hub/models--google--{name}"));
            let (refs, snapshot) = (repository.join("refs"), repository.join("snapshots/0123abc"));
            fs::create_dir_all(&refs)?;
            fs::create_dir_all(&snapshot)?;
            fs::write(refs.join("main"), "0123abc")?;
            for file in ["config.json", "model.safetensors"] {
                fs::copy(data(files).join(file), snapshot.join(file))?;
            }
        }
        Ok(())
    }

    /// A table, annotations of Kinetics, and results in parts.
    fn data_sets(&self) -> Outcome {
        fs::write(self.path("broken.mp4"), "broken\n")?;
        fs::write(
            self.path("val.csv"),
            "path,label\nclip.mp4,1\nfilm.mp4,3\nbroken.mp4,2\nvideos/clip.mp4,4\nfilm.mp4,1\nclip.mp4,0\n",
        )?;
        fs::write(self.path("list.txt"), "clip.mp4\nfilm.mp4\n")?;
        fs::write(
            self.path("k400_val.csv"),
            "label,youtube_id,time_start,time_end,split\nclass 3,abcdefghijk,1,11,val\n",
        )?;
        let names = (0..10).map(|class| format!("{class},class {class}\n"));
        fs::write(self.path("kinetics_400_labels.csv"), format!("id,name\n{}", names.collect::<String>()))?;
        link(&self.path("clip.mp4"), &self.path("videos/abcdefghijk_000001_000011.mp4"))?;
        link(&self.path("clip.mp4"), &self.path("videos/clip.mp4"))?;
        let motions = "tubelet make-motions --set camera --clips 1 --format npy --output motions";
        self.shell(&format!("{motions} && cp -r motions {}", self.path("motions").display()))?.success()?;
        for (name, more) in
            [("part1", "--shard 1/3"), ("part2", "--shard 2/3"), ("part3", "--shard 3/3"), ("results", "")]
        {
            let eval =
                format!("tubelet eval val.csv --model DIR --views 1x1 --output {name}.csv {more}; cp {name}.csv* ");
            self.shell(&format!("{eval}{}", self.folder.path().display()))?;
        }
        Ok(())
    }

    /// Runs a line of a shell where everything is that examples name, but what it writes.
    fn shell(&self, line: &str) -> Result<Ran, Failed> {
        let desk = tempfile::tempdir()?;
        let outputs: Vec<&str> = line.split_whitespace().collect();
        for entry in fs::read_dir(self.folder.path())? {
            let entry = entry?;
            let name = entry.file_name();
            // A model is written where there is none yet, and results are begun.
            let makes = ["init", "convert"].iter().any(|command| line.contains(&format!("tubelet {command} ")));
            let written = makes && name == "DIR"
                || line.contains("tubelet make-motions ") && name == "motions"
                || outputs.windows(2).any(|pair| {
                    ["--output", "-o"].contains(&pair[0])
                        && name.to_string_lossy().starts_with(pair[1])
                        && !line.contains("--resume")
                        && line.contains("tubelet eval")
                });
            if !written {
                link(&entry.path(), &desk.path().join(name))?;
            }
        }
        let mut command = Command::new("bash");
        let own = tubelet::<&str>(&[]);
        let folder = Path::new(own.get_program()).parent().ok_or("no folder of the program")?.to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(folder).chain(std::env::split_paths(&path));
        command.args(["-c", &format!("set -o pipefail; {{ {line}\n}} 2>&1")]).current_dir(desk.path());
        command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("PATH", std::env::join_paths(path)?).env("HF_HUB_CACHE", self.path("hub"));
        Ran::of(command)
    }

    fn run(&self, line: &str) -> Result<Ran, Failed> {
        self.shell(line)?.success()
    }
}

fn link(from: &Path, to: &Path) -> Outcome {
    #[cfg(unix)]
    return Ok(std::os::unix::fs::symlink(from, to)?);
    #[cfg(not(unix))]
    return Err(Failed::from(format!("{} cannot be linked to {}", from.display(), to.display())));
}

/// A command as it is run here.
fn stood_in(command: &str) -> String {
    if let Some((_, other)) = WHOLE.iter().find(|(whole, _)| *whole == command) {
        return (*other).to_owned();
    }
    STAND_INS.iter().fold(command.to_owned(), |command, (from, to)| command.replace(from, to))
}

/// Lines of commands, those that end in a backslash with the next.
fn commands(lines: &str) -> Vec<String> {
    let joined = lines.replace("\\\n", " ");
    let lines = joined.lines().map(|line| line.split("  # ").next().unwrap_or_default());
    let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect()
}

pub(super) fn of_help() -> Outcome {
    let room = Room::new()?;
    let program = Ran::with("--help", &[])?.silent_success()?;
    let listed = program.stdout.split("\nCommands:\n").nth(1).ok_or("no list of commands")?;
    let listed = listed.split("\n\n").next().unwrap_or_default();
    let names = listed
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split_whitespace().next());
    let subcommands: Vec<_> =
        names.filter(|name| *name != "help" && name.chars().all(|next| next.is_alphabetic() || next == '-')).collect();
    ensure(subcommands.len() >= 12, format!("{subcommands:?} are not all subcommands"))?;
    let mut ran = BTreeMap::new();
    for subcommand in [""].into_iter().chain(subcommands) {
        let help = Ran::with(&format!("{subcommand} --help"), &[])?.silent_success()?;
        let examples = help.stdout.split_once("\nExample").map_or("", |(_, examples)| examples);
        let examples = examples.split_once('\n').map_or("", |(_, examples)| examples);
        let examples = commands(examples.split("\n\n").next().unwrap_or_default());
        ensure(!examples.is_empty(), format!("{subcommand} has no examples"))?;
        for example in examples {
            let command = stood_in(&example);
            if ran.insert(command.clone(), ()).is_none() {
                let shown = room.shell(&command)?;
                let fine = shown.code == Some(0);
                shown.expect(fine, &format!("is the example {example} of {subcommand}, and fails"))?;
            }
        }
    }
    Ok(())
}

pub(super) fn of_readme() -> Outcome {
    let room = Room::new()?;
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))?;
    let mut blocks = readme.split("\n```").skip(1).step_by(2).peekable();
    ensure(blocks.peek().is_some(), "no blocks")?;
    for block in blocks {
        let (language, text) = block.split_once('\n').ok_or("a block without lines")?;
        match language {
            "sh" => {
                for command in commands(text) {
                    let fine = room.shell(&stood_in(&command))?;
                    let holds = fine.code == Some(0);
                    fine.expect(holds, &format!("is {command} of the README, and fails"))?;
                }
            }
            // Compiled by the tests of the documentation.
            "rust,no_run" => {}
            "toml" => ensure(text.contains('['), text)?,
            "text" => shown(&room, text)?,
            other => return Err(Failed::from(format!("no rule for a block of {other}:\n{text}"))),
        }
    }
    Ok(())
}

/// Runs the command of a block, and compares what it prints with what the block shows.
fn shown(room: &Room, text: &str) -> Outcome {
    let (command, expected) = match text.strip_prefix("$ ") {
        Some(rest) => {
            let joined = rest.replace("\\\n", " ");
            let (command, expected) = joined.split_once('\n').unwrap_or((&joined, ""));
            (command.to_owned(), expected.to_owned())
        }
        None => {
            let alone = OUTPUT_ALONE.iter().find(|(beginning, _)| text.starts_with(beginning));
            let (_, command) = alone.ok_or_else(|| format!("no rule for the block\n{text}"))?;
            ((*command).to_owned(), text.to_owned())
        }
    };
    let ran = room.shell(&stood_in(&command))?;
    let found: Vec<&str> = ran.stdout.lines().collect();
    let expected: Vec<String> = expected.lines().map(stood_in).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    let same = alike(&expected, &found);
    ran.expect(same, &format!("is {command}, and the README shows\n{}", expected.join("\n"))).map(drop)
}

/// Whether lines are as they are shown; `…` as a line stands for any number of them.
fn alike(expected: &[&str], found: &[&str]) -> bool {
    match (expected, found) {
        ([], []) => true,
        (["…"], _) => true,
        (["…", rest @ ..], _) => (0..=found.len()).any(|skipped| alike(rest, &found[skipped..])),
        ([first, rest @ ..], [line, lines @ ..]) => same_line(first, line) && alike(rest, lines),
        _ => false,
    }
}

fn same_line(expected: &str, found: &str) -> bool {
    // A class of random weights, with its bar: which it is depends on the shape.
    let [bar, other_bar] = [expected, found].map(|line| line.contains(['█', '▏', '▎', '▍', '▌', '▋', '▊', '▉']));
    if bar || other_bar {
        return bar && other_bar;
    }
    let [mut expected, mut found] = [expected, found].map(|line| line.split_whitespace().peekable());
    if ["device", "time"].iter().any(|title| expected.peek() == Some(title)) {
        return expected.peek() == found.peek();
    }
    loop {
        match (expected.next(), found.next()) {
            (None, None) | (Some("…"), _) => return true,
            (Some(word), Some(other)) if word == other || close(word, other) => {}
            _ => return false,
        }
    }
}

/// Whether both are numbers, and as close as devices are; whole ones are equal.
fn close(word: &str, other: &str) -> bool {
    match (word.parse::<f64>(), other.parse::<f64>()) {
        (Ok(a), Ok(b)) => word.contains('.') && (a - b).abs() < 0.15,
        _ => false,
    }
}

pub(super) fn comparing() -> Outcome {
    let found = ["note: x", "time  3 s", "a  4.9 %  class 1  and more", "end"];
    ensure(alike(&["…", "time 9 ms", "a 4.8 % class 1 …", "…"], &found), "what is alike is not")?;
    for wrong in
        [&["…", "a 4.9 % class 2 …", "end"][..], &["note: x"], &["…", "start"], &["…", "a 9.9 % class 1 …", "end"]]
    {
        ensure(!alike(wrong, &found), format!("{wrong:?} is not {found:?}"))?;
    }
    Ok(())
}
