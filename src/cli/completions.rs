//! `tubelet completions`.

use clap_complete::Shell;
use tubelet::tensor::Result;

/// Print a shell's completion script
#[derive(clap::Args)]
#[command(after_help = "Example:\n  tubelet completions bash > ~/.local/share/bash-completion/completions/tubelet")]
pub(super) struct Completions {
    /// The shell to print it for.
    shell: Shell,
}

impl super::Run for Completions {
    fn run(self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "tubelet", &mut script);
        super::output::print(&String::from_utf8_lossy(&script))
    }
}
