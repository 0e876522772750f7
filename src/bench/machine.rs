//! The machine that a run is taken on.

use super::Machine;

impl Machine {
    /// This machine.
    pub(super) fn this() -> Self {
        Self {
            system: std::env::consts::OS.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            processor: processor(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// The processor's name, where the system tells it.
fn processor() -> Option<String> {
    let name = match std::env::consts::OS {
        "linux" => {
            let told = std::fs::read_to_string("/proc/cpuinfo").ok()?;
            let line = told.lines().find(|line| line.starts_with("model name"))?;
            line.split_once(':')?.1.to_owned()
        }
        "macos" => {
            let told = std::process::Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
            String::from_utf8(told.stdout).ok()?
        }
        _ => std::env::var("PROCESSOR_IDENTIFIER").ok()?,
    };
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}
