//! The paper's ablations in miniature: the four models, the beginnings of the tubelet kernel and each regulariser, on motions
//! in random dots, as a table with seeds.
//!
//! ```sh
//! cargo run --release --example ablations -- --output target/ablations --write docs/ablations.md
//! cargo run --release --example ablations -- --rows joint,mixup --seeds 1 --steps 100 --output target/tried
//! ```
//!
//! Everything is as in the recipe of the bundled model but what a row changes: 16 frames of 32×32 pixels in tubelets of
//! 8×8×8, a width of 96, 4 layers, batches of 64. On two cores such a step takes about 0.4 s, so a run of 800 steps takes
//! five minutes and the whole table (13 rows and an image model, 3 seeds each) about three and a half hours: this is
//! reckoned from the time that the bundled model took.
//!
//! Every finished run leaves `DIR/ROW/seed-N/result.json` and is not run again. One that is cut short begins anew.
//!
//! | file | what it holds |
//! |---|---|
//! | [`grid`] | the rows, each by what it changes about the recipe |
//! | [`clips`] | what is learnt from and evaluated on: dots, and pictures for the image model |
//! | [`training`] | a run, from a recipe to its result |
//! | [`runs`] | all runs in their folders |
//! | [`table`] | the table |

mod clips;
mod grid;
mod runs;
mod table;
mod training;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use tubelet::graph::{DeviceChoice, DeviceOptions};
use tubelet::tensor::ErrorKind;
use tubelet::{Device, Result};

use grid::{ROWS, Row};
use runs::Runs;

/// Train small models on motions in dots, and write how they compare
#[derive(Parser)]
#[command(name = "ablations", max_term_width = 110)]
struct Arguments {
    /// The folder of all runs; what is finished there is not run again.
    #[arg(short, long, value_name = "DIR", default_value = "target/ablations")]
    output: PathBuf,
    /// Rows of the table, instead of all.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = PossibleValuesParser::new(names()))]
    rows: Vec<String>,
    /// How often each row is trained, with seeds from 1 on.
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u64).range(1..1000))]
    seeds: u64,
    /// Steps of each run, those of the image model too.
    #[arg(long, value_name = "N", default_value = "800", value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Clips of each of the ten classes to learn from.
    #[arg(long, value_name = "N", default_value = "500", value_parser = clap::value_parser!(u32).range(7..))]
    clips: u32,
    /// As the program's --device: cpu, gpu, software, a part of a name.
    #[arg(long, default_value = "fastest")]
    device: DeviceChoice,
    /// Also write the table into this page, between its marks.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

impl Arguments {
    /// The rows that are wanted, in the table's order.
    fn wanted(&self) -> impl Iterator<Item = &'static Row> {
        ROWS.iter().filter(|row| self.rows.is_empty() || self.rows.iter().any(|name| name == row.name))
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(if error.kind() == ErrorKind::Usage { 2 } else { 1 })
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let device = Device::open(&DeviceOptions::new().choice(arguments.device.clone()))?;
    let runs = Runs::new(device, &arguments.output, arguments.steps, arguments.clips as usize)?;
    let (mut rows, mut images) = (Vec::new(), Vec::new());
    for row in arguments.wanted() {
        let outcomes = (1..=arguments.seeds).map(|seed| runs.outcome(row, seed)).collect::<Result<Vec<_>>>()?;
        rows.push((row, outcomes));
    }
    if rows.iter().any(|(row, _)| row.begins_from_image_model()) {
        images = (1..=arguments.seeds).map(|seed| runs.image_model(seed)).collect::<Result<Vec<_>>>()?;
    }
    let table = table::markdown(&rows, &images);
    print!("{table}");
    table::write(&arguments.output.join("ablations.md"), &table)?;
    match &arguments.write {
        Some(page) => table::write_between_marks(page, &table),
        None => Ok(()),
    }
}
