//! Videos that the program makes.

use std::fs;
use std::process::Stdio;

use super::interruption::{signalled, unfinished, wait_until};
use super::{Outcome, Ran, ensure, pictures, tubelet};

pub(super) fn made() -> Outcome {
    let room = tempfile::tempdir()?;
    let folder = room.path().join("made");
    let options = "--set camera --clips 2 --frames 4 --size 32x48 --rate 12.5 --seed 3 --json";
    let ran = Ran::with(&format!("make-motions {options} --output {{}}"), &[&folder])?.silent_success()?;
    let report = ran.json()?;
    let whole = report["clips"]["train"] == 20 && report["clips"]["validation"] == 10 && report["size"][1] == 48;
    let ran = ran.expect(whole, "does not report what was asked for")?;
    let classes = fs::read_to_string(folder.join("classes.txt"))?;
    let ran = ran.expect(classes.lines().count() == 10 && classes.starts_with("pan left\n"), &classes)?;
    let manifest = fs::read_to_string(folder.join("train.csv"))?;
    let row = "train/000012-pan-up.mp4,2,pan up,1";
    let ran = ran.expect(manifest.lines().count() == 21 && manifest.lines().any(|line| line == row), &manifest)?;
    let mut source = tubelet::video::open(folder.join("train/000012-pan-up.mp4"))?;
    let seen = (source.frame_count()?, source.information().width, source.information().frames_per_second);
    ran.expect(seen == (4, 48, Some(12.5)), &format!("made a video of {seen:?}"))?;

    let both = room.path().join("both");
    let options = "--set camera,shapes --clips 1 --validation 1 --frames 2 --size 32 --format npy --json";
    let ran = Ran::with(&format!("make-motions {options} --output {{}}"), &[&both])?.silent_success()?;
    let report = ran.json()?;
    let whole =
        report["set"] == "camera,shapes" && report["clips"]["train"] == 20 && report["classes"][10] == "move left";
    ran.expect(whole, "does not report both sets")?;
    let classes = fs::read_to_string(both.join("classes.txt"))?;
    ensure(classes.lines().count() == 20 && classes.lines().nth(11) == Some("move right"), classes)?;
    let manifest = fs::read_to_string(both.join("validation.csv"))?;
    let row = "validation/000011-move-right.npy,11,move right,1";
    ensure(manifest.lines().count() == 21 && manifest.lines().any(|line| line == row), manifest)?;
    fs::remove_dir_all(both)?;

    let large = room.path().join("large");
    let arguments = ["make-motions", "--set", "shapes", "--clips", "500", "--size", "96", "--output"];
    let mut command = tubelet(&arguments);
    let child = command.arg(&large).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    wait_until(|| unfinished(room.path()).is_ok_and(|names| !names.is_empty()))?;
    let (ended, said) = signalled(child, "-INT")?;
    ensure(ended == Some(130), format!("an interruption gave {ended:?}: {said}"))?;
    let left = fs::read_dir(room.path())?.count();
    ensure(left == 1 && !large.exists(), format!("{left} entries are left, not the one that is whole"))
}

pub(super) fn without_ffmpeg() -> Outcome {
    let (empty, room) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let made = |format: &str, name: &str| {
        let options = ["make-motions", "--set", "dots", "--clips", "1", "--frames", "3", "--size", "32", "--format"];
        let mut command = tubelet(&options);
        command.args([format, "--output"]).arg(room.path().join(name)).env("PATH", empty.path());
        Ran::of(command)
    };
    made("mp4", "videos")?.failure(&["ffmpeg", "not installed", "npy"])?;
    made("npy", "arrays")?.silent_success()?;
    let left = fs::read_dir(room.path())?.count();
    ensure(left == 1 && room.path().join("arrays/validation").is_dir(), format!("there are {left} entries"))
}

pub(super) fn wrong_use() -> Outcome {
    let room = tempfile::tempdir()?;
    let (new, there) = (room.path().join("new"), room.path());
    for (options, parts) in [
        ("--set dance --output {}", &["dance", "shapes, dots, camera"][..]),
        ("--set dots,dance --output {}", &["dance", "shapes, dots, camera"]),
        ("--set dots,camera,dots --output {}", &["dots", "named twice"]),
        ("--output {}", &["--set"]),
        ("--set dots --size 33 --output {}", &["even sides", "mkv"]),
        ("--set dots --size 8 --output {}", &["8x8", "16"]),
        ("--set dots --frames 1 --output {}", &["1 frames"]),
        ("--set dots --rate 0 --output {}", &["0 times"]),
        ("--set dots --format gif --output {}", &["gif", "mp4, mkv, npy"]),
        ("--set shapes --photographs . --output {}", &["set camera"]),
    ] {
        Ran::with(&format!("make-motions {options}"), &[&new])?.refusal(parts)?;
    }
    Ran::with("make-motions --set dots --output {}", &[there])?.failure(&["is there already"])?;
    ensure(fs::read_dir(room.path())?.count() == 0, "something is left")
}

/// One broken picture among photographs is named before anything is written.
pub(super) fn broken_photographs() -> Outcome {
    let (photographs, room) = (pictures(8)?, tempfile::tempdir()?);
    fs::write(photographs.path().join("broken.png"), "no picture")?;
    let output = room.path().join("new");
    let parts = ["broken.png cannot be read as a picture", "take it away"];
    let small = "--frames 4 --size 32";
    let command = format!("make-motions --set camera --clips 1 {small} --format npy --photographs {{}} --output {{}}");
    Ran::with(&command, &[photographs.path(), &output])?.failure(&parts)?;
    let motions = "--motions camera --motion-clips 1 --photographs {} --output {}";
    let command = format!("train {motions} {}", super::training::SMALL);
    Ran::with(&command, &[photographs.path(), &output])?.failure(&parts)?;
    ensure(!output.exists(), "something is written")
}
