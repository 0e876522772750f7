//! Runs of the program, and what is expected of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::Value;

use super::Outcome;

/// What a run of the program left behind.
pub(super) struct Ran {
    pub(super) command: String,
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// The program, away from whatever the environment holds.
pub(super) fn tubelet<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tubelet"));
    command.args(arguments).env_remove("RUST_LOG").env("HF_HUB_OFFLINE", "1").env("COLUMNS", "80");
    command.env("TUBELET_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("caches"));
    // Where no device is named, these are tests of what runs WGSL.
    if std::env::var_os("TUBELET_DEVICE").is_none() {
        command.env("TUBELET_DEVICE", "gpu");
    }
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Some drivers complain on stderr without it.
        command.env("XDG_RUNTIME_DIR", std::env::temp_dir());
    }
    command
}

impl Ran {
    pub(super) fn of(mut command: Command) -> Result<Self, Failed> {
        let output = command.output()?;
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        Ok(Self {
            command: format!("tubelet {}", arguments.join(" ")),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Of arguments parted by spaces, then `paths` in the places of `{}`.
    pub(super) fn with(arguments: &str, paths: &[&Path]) -> Result<Self, Failed> {
        let mut paths = paths.iter();
        let fill = |argument: &str| match (argument, paths.len()) {
            ("{}", 1..) => paths.next().map_or(PathBuf::new(), PathBuf::from),
            _ => PathBuf::from(argument),
        };
        Self::of(tubelet(&arguments.split_whitespace().map(fill).collect::<Vec<_>>()))
    }

    pub(super) fn expect(self, holds: bool, what: &str) -> Result<Self, Failed> {
        match holds {
            true => Ok(self),
            false => Err(Failed::from(format!(
                "{}\n{what}\nexit code {:?}\nstdout:\n{}\nstderr:\n{}",
                self.command, self.code, self.stdout, self.stderr
            ))),
        }
    }

    /// Success with nothing on stderr.
    pub(super) fn silent_success(self) -> Result<Self, Failed> {
        let silent = self.stderr.is_empty();
        self.success()?.expect(silent, "stderr is not empty")
    }

    pub(super) fn success(self) -> Result<Self, Failed> {
        let holds = self.code == Some(0);
        self.expect(holds, "is not successful")
    }

    /// Failure with exit code 1 and one sentence that has all of `parts`.
    pub(super) fn failure(self, parts: &[&str]) -> Outcome {
        self.complaint(1, parts)
    }

    /// Wrong use: exit code 2 and a sentence that has all of `parts`.
    pub(super) fn refusal(self, parts: &[&str]) -> Outcome {
        self.complaint(2, parts)
    }

    /// Failure that has all of `parts` on stderr, among other things.
    pub(super) fn complains(self, parts: &[&str]) -> Outcome {
        let holds = self.code == Some(1) && parts.iter().all(|part| self.stderr.contains(part));
        self.expect(holds, &format!("does not say {parts:?}")).map(drop)
    }

    pub(super) fn complaint(self, code: i32, parts: &[&str]) -> Outcome {
        let (sentence, rest) = self.stderr.split_once('\n').unwrap_or((&self.stderr, ""));
        // The parser of arguments adds how to use the program; a checkpoint that does not fit, what does not.
        let explained = rest.is_empty() || rest.contains("--help") || rest.starts_with("  wrong shape");
        let one = sentence.starts_with("error: ") && !sentence.contains("panicked") && explained;
        let missing = parts.iter().find(|part| !self.stderr.contains(**part));
        let what = format!("is not exit code {code} with a sentence; missing in it: {missing:?}");
        let holds = self.code == Some(code) && self.stdout.is_empty() && one && missing.is_none();
        self.expect(holds, &what).map(drop)
    }

    pub(super) fn json(&self) -> Result<Value, Failed> {
        Ok(serde_json::from_str(&self.stdout)?)
    }
}

pub(super) fn ensure(holds: bool, what: impl Into<String>) -> Outcome {
    if holds { Ok(()) } else { Err(Failed::from(what.into())) }
}
