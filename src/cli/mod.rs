//! The program: one file a subcommand, which parses, calls the library and prints.

mod arguments;
mod attention;
mod bench;
mod check;
mod classify;
mod clip;
mod completions;
mod convert;
mod devices;
mod embed;
mod eval;
mod features;
mod files;
mod forward;
mod gradient;
mod init;
mod inspect;
mod interruption;
mod known;
mod make_motions;
mod many;
mod mask;
mod motions;
mod output;
mod preamble;
mod progress;
mod shader;
mod sliding;
mod start;
mod times;
mod train;
mod tuned;
mod video;
mod videos;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tubelet::tensor::{ErrorKind, Result};

/// Runs ViViT, the video vision transformer, on any GPU
#[derive(Parser)]
#[command(name = "tubelet", version, max_term_width = 110, after_help = EXAMPLES)]
struct Program {
    /// Say more about what happens, on stderr; twice for the device's own messages.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = LAST)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

/// After every option of a subcommand.
const LAST: usize = 900;

const EXAMPLES: &str = "\
Begin with `tubelet devices`, then classify a video. Each command has a short -h, --help with examples, and --json. \
Results go to stdout, everything else to stderr.

Examples:
  tubelet devices
  tubelet classify clip.mp4 --model google/vivit-b-16x2-kinetics400
  tubelet classify clip.mp4 --untrained vit-ti
  tubelet attention clip.mp4 --model DIR --output looks.html
  tubelet embed clip.mp4 --model DIR --output features.npy
  tubelet clip clip.mp4 --output clip.npy
  tubelet inspect vivit_base_16x2_fe/checkpoint
  tubelet convert vivit_base_16x2_fe/checkpoint DIR
  tubelet init --from vit.npz --model 2 --output DIR
  tubelet forward -m DIR --clip clip.npy --output out.safetensors --tap all
  tubelet gradient -m DIR --clip batch.npy --labels 3,1 -o gradients.safetensors
  tubelet eval val.csv --model DIR --views 4x3 --output results.csv
  tubelet make-motions --set camera --output motions
  tubelet train videos/ --model DIR --output mine
  tubelet bench
  tubelet check

Exit codes: 0 success, 1 failure, 2 wrong use, 130 interrupted by Ctrl-C, 143 by SIGTERM.";

#[derive(Subcommand)]
enum Command {
    Devices(devices::Devices),
    Classify(classify::Classify),
    Clip(clip::ClipCommand),
    Eval(eval::Eval),
    Attention(attention::Attention),
    Embed(embed::Embed),
    Forward(forward::Forward),
    Gradient(gradient::Gradient),
    Train(train::Train),
    Init(init::Init),
    Inspect(inspect::Inspect),
    Convert(convert::Convert),
    MakeMotions(make_motions::MakeMotions),
    Bench(bench::Bench),
    Check(check::Check),
    Shader(shader::Shader),
    Completions(completions::Completions),
}

/// The program's arguments: with `-h` a few words on each that is in common use, with `--help` everything
/// and the examples.
fn command() -> clap::Command {
    briefly(Program::command())
}

fn briefly(command: clap::Command) -> clap::Command {
    let long = command.get_after_help().cloned();
    let command = match long {
        Some(long) => command.after_long_help(long).after_help("All options, more on each, and examples: --help"),
        None => command,
    };
    let command = command.mut_args(|argument| match argument.get_help().map(ToString::to_string) {
        Some(whole) => match [". ", "; ", ": "].iter().filter_map(|end| whole.find(end)).min() {
            Some(end) => argument.help(whole[..end].to_owned()).long_help(whole),
            None => argument,
        },
        None => argument,
    });
    command.mut_subcommands(briefly)
}

/// Runs the program and says how it went.
pub(crate) fn main() -> ExitCode {
    let program = match Program::from_arg_matches_mut(&mut command().get_matches()) {
        Ok(program) => program,
        Err(error) => error.exit(),
    };
    output::start_log(program.verbose);
    interruption::listen();
    let outcome = match program.command {
        Command::Devices(command) => command.run(),
        Command::Classify(command) => command.run(),
        Command::Clip(command) => command.run(),
        Command::Eval(command) => command.run(),
        Command::Attention(command) => command.run(),
        Command::Embed(command) => command.run(),
        Command::Forward(command) => command.run(),
        Command::Gradient(command) => command.run(),
        Command::Train(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Inspect(command) => command.run(),
        Command::Convert(command) => command.run(),
        Command::MakeMotions(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Shader(command) => command.run(),
        Command::Completions(command) => command.run(),
    };
    // What was interrupted may have gone wrong for that alone.
    interruption::end_if_interrupted();
    let code = match outcome {
        Ok(()) => 0,
        Err(error) => {
            output::complain(&error.to_string());
            if error.kind() == ErrorKind::Usage { 2 } else { 1 }
        }
    };
    ExitCode::from(interruption::exit_code().unwrap_or(code))
}

/// A subcommand.
trait Run {
    /// Does it; what goes wrong is one clear sentence.
    fn run(self) -> Result<()>;
}
