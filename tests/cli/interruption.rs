//! Signals, and what killed runs leave behind.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use super::evaluation::{arguments, data_set, evaluated, lines, rows};
use super::{Outcome, Ran, ensure, model, pictures, tubelet};

/// Sends a signal to a child and waits for its end: exit code and what it said on stderr.
pub(super) fn signalled(mut child: Child, signal: &str) -> Result<(Option<i32>, String), Failed> {
    send(&child, signal)?;
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut said)?;
    }
    Ok((child.wait()?.code(), said))
}

fn send(child: &Child, signal: &str) -> Outcome {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status()?;
    ensure(sent.success(), format!("kill {signal} failed"))
}

pub(super) fn wait_until(mut holds: impl FnMut() -> bool) -> Outcome {
    let start = Instant::now();
    while !holds() {
        ensure(start.elapsed() < Duration::from_secs(120), "nothing happened for two minutes")?;
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// What is called as unfinished files are.
pub(super) fn unfinished(folder: &Path) -> Result<Vec<String>, Failed> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names = names.collect::<Result<Vec<_>, std::io::Error>>()?;
    Ok(names.into_iter().filter(|name| name.contains("unfinished")).collect())
}

pub(super) fn eval_goes_on() -> Outcome {
    const VIDEOS: usize = 60;
    let folder = data_set(VIDEOS)?;
    let whole = folder.path().join("whole.csv");
    evaluated(folder.path(), &whole, "--views 2x3")?;
    let output = folder.path().join("interrupted.csv");
    for (signal, code, least) in [("-INT", 130, 10), ("-TERM", 143, 25)] {
        let mut command = tubelet(&arguments(folder.path(), &output, "--views 2x3 --resume"));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        wait_until(|| lines(&output) >= least)?;
        let (ended, said) = signalled(child, signal)?;
        ensure(ended == Some(code), format!("{signal} gave {ended:?}: {said}"))?;
        ensure(said.contains("interrupted.csv has what is finished") && said.contains("--resume"), said)?;
        ensure(lines(&output) <= VIDEOS, "the signal came too late")?;
        ensure(unfinished(folder.path())?.is_empty(), "something half-written is left")?;
    }
    evaluated(folder.path(), &output, "--views 2x3 --resume")?;
    ensure(rows(&output)? == rows(&whole)?, "the rows are others")
}

/// A stream without end: the plot has what there was, and the second signal waits for nothing.
pub(super) fn endless_plots_are_drawn() -> Outcome {
    for signals in [1, 2] {
        let folder = tempfile::tempdir()?;
        let plot = folder.path().join("plot.svg");
        let fixed = ["classify", "-", "--sliding", "8", "--stride", "1", "--model"].map(Into::into);
        let arguments = [&fixed[..], &[model(), "--plot".into(), plot.clone()]].concat();
        let mut command = tubelet(&arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no pipes".into());
        };
        let frame = [&b"FRAME\n"[..], &[128; 64 * 48 / 2 * 3]].concat();
        input.write_all(b"YUV4MPEG2 W64 H48 F10:1 C420jpeg\n")?;
        (0..20).try_for_each(|_| input.write_all(&frame))?;
        let windows = BufReader::new(output).lines().map_while(Result::ok).filter(|line| line.contains(" s  ")).take(3);
        ensure(windows.count() == 3, "no windows")?;
        if signals == 2 {
            // No frame comes any more, so that nobody notices the first one.
            std::thread::sleep(Duration::from_secs(1));
            send(&child, "-INT")?;
            std::thread::sleep(Duration::from_millis(200));
            ensure(child.try_wait()?.is_none(), "it did not wait for the plot")?;
            let (code, _) = signalled(child, "-INT")?;
            ensure(code == Some(130) && !plot.exists(), format!("{code:?}"))?;
        } else {
            send(&child, "-INT")?;
            std::thread::sleep(Duration::from_millis(200));
            // It may have ended by now.
            let _ = input.write_all(&frame).and_then(|()| input.flush());
            let mut said = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                stderr.read_to_string(&mut said)?;
            }
            let code = child.wait()?.code();
            ensure(code == Some(130) && !said.contains("error"), format!("{code:?}: {said}"))?;
            ensure(fs::read_to_string(&plot)?.contains("<svg"), "no plot")?;
        }
        ensure(unfinished(folder.path())?.is_empty(), "something half-written is left")?;
    }
    Ok(())
}

/// What a run left that was killed while it wrote, whatever it wrote.
pub(super) fn leftovers_go() -> Outcome {
    let (pictures, folder) = (pictures(8)?, tempfile::tempdir()?);
    fs::write(folder.path().join(".tubelet-0aZ4bC9x.unfinished"), "half")?;
    fs::create_dir(folder.path().join(".tubelet-0aZ4bC9y.unfinished"))?;
    let output = folder.path().join("clip.npy");
    Ran::with("clip {} --clip-frames 4 --output {}", &[pictures.path(), &output])?.success()?;
    ensure(unfinished(folder.path())?.is_empty() && output.exists(), "leftovers are left")
}

/// A decoder that gives nothing ends with the program that waits for it.
pub(super) fn decoders_end() -> Outcome {
    use std::os::unix::fs::PermissionsExt;

    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        fs::write(path("clip.mp4"), [0; 5000])?;
        let started = path("started");
        let program = format!("#!/bin/sh\necho $$ > {0}.new; mv {0}.new {0}\nexec sleep 100\n", started.display());
        for name in ["ffmpeg", "ffprobe"] {
            fs::write(path(name), &program)?;
            fs::set_permissions(path(name), fs::Permissions::from_mode(0o755))?;
        }
        let paths = [folder.path().to_owned(), "/usr/bin".into(), "/bin".into()];
        let arguments =
            ["clip".into(), path("clip.mp4"), "--clip-frames".into(), "4".into(), "--output".into(), path("clip.npy")];
        let mut command = tubelet(&arguments);
        command.env("PATH", std::env::join_paths(paths)?).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn()?;
        wait_until(|| started.exists())?;
        let decoder = fs::read_to_string(&started)?;
        let (ended, said) = signalled(child, signal)?;
        ensure(ended == Some(code), format!("{signal} gave {ended:?}: {said}"))?;
        // A zombie until somebody looks, or gone.
        let at_work =
            || fs::read_to_string(format!("/proc/{}/cmdline", decoder.trim())).is_ok_and(|line| line.contains("sleep"));
        wait_until(|| !at_work())?;
    }
    Ok(())
}
