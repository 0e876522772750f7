//! `tubelet devices --tune`.

use std::path::PathBuf;

use serde::Serialize;
use tubelet::bench::{TileFile, TimedProduct, TimedTile, TimedTiles, models_for_tiles};
use tubelet::gpu::{Capabilities, GpuChoice};
use tubelet::graph::{Device, DeviceChoice, DeviceOptions};
use tubelet::kernels::{ALL, Family, Precision, TilePicks};
use tubelet::tensor::{Error, Result};

use crate::cli::preamble::Preamble;
use crate::cli::{output, progress, tuned};

/// Seconds that a tile may take for a product, warm-up and samples together.
const ROW_SECONDS: f64 = 1.0;
/// The same on a software device, whose tiles are timed to be seen, not to be fast.
const SOFTWARE_ROW_SECONDS: f64 = 0.1;

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    /// Where the picks are kept.
    file: PathBuf,
    #[serde(flatten)]
    timed: TimedTiles,
}

/// Times all tiles on the device, keeps what was found, and prints it.
pub(super) fn tune(choice: DeviceChoice, json: bool) -> Result<()> {
    let choice = match choice {
        DeviceChoice::Fastest => DeviceChoice::Gpu(GpuChoice::Fastest),
        named => named,
    };
    let device = Device::open(&DeviceOptions::new().choice(choice))?;
    let no_wgsl = || Error::usage(format!("{} runs no kernels in WGSL; name a device that does", device.name()));
    let capabilities = device.gpu().ok_or_else(no_wgsl)?.capabilities().clone();
    let file = tuned::file(&capabilities)?;
    let row_seconds = if capabilities.is_software() { SOFTWARE_ROW_SECONDS } else { ROW_SECONDS };
    let models = models_for_tiles(&capabilities)?;
    let bar = progress::measuring();
    let mut show = |done: f64, what: &str| progress::measured(&bar, done, what);
    let timed = TimedTiles::of(&device, &models, row_seconds, &mut show)?;
    bar.finish_and_clear();
    TileFile::new(&capabilities, timed.picks()).write(&file)?;
    timed.products.iter().filter_map(|product| unused(product, &capabilities)).for_each(|note| output::note(&note));
    let mut preamble = Preamble::new("devices");
    preamble.device = Some(capabilities.name.clone());
    output::report(json, &Report { preamble, file, timed }, |report| describe(report, &capabilities))
}

/// What to know where a device multiplies by something else than tiles of workgroups.
fn unused(product: &TimedProduct, device: &Capabilities) -> Option<String> {
    let family: &Family = ALL.iter().find(|family| family.name == product.kernel)?;
    let own = family.fitting(device, Precision::F32).first()?.name;
    let usual = product.tiles.first()?.variant;
    let kernel = product.kernel;
    (own != usual).then(|| {
        let name = &device.name;
        format!("{name} computes {kernel} by {own}, not by {usual}: these tiles are taken with --variant {usual} alone")
    })
}

fn describe(report: &Report, device: &Capabilities) -> String {
    let mut table = output::table(&["kernel", " product", "tile", " time", " GFLOP/s", "pick"]);
    for product in &report.timed.products {
        for (index, tile) in product.tiles.iter().enumerate() {
            table.add_row(row(product, index, tile));
        }
    }
    let reasons = report.timed.products.iter().map(|product| TilePicks::reason(device.family, product.class));
    let mut reasons: Vec<_> = reasons.collect();
    reasons.dedup();
    let facts = [
        ("device", device.name.clone()),
        ("by itself", format!("the tiles of workgroup: {}", reasons.join("; "))),
        ("kept in", report.file.display().to_string()),
        ("taken by", "commands with --tuned".to_owned()),
    ];
    format!("{}\n\n{}", output::facts(&facts), table.trim_fmt())
}

fn row(product: &TimedProduct, index: usize, tile: &TimedTile) -> [String; 6] {
    let first = |text: String| if index == 0 { text } else { String::new() };
    let seconds = tile.seconds.filter(|seconds| *seconds > 0.0);
    let time = seconds.map(|seconds| output::seconds(std::time::Duration::from_secs_f64(seconds)));
    let rate = seconds.map(|seconds| output::three_digits(product.operations as f64 / seconds / 1e9));
    [
        first(product.kernel.to_owned()),
        first(format!("{} × {}", product.rows, product.columns)),
        tile.variant.to_owned(),
        time.or_else(|| tile.reason.clone()).unwrap_or_default(),
        rate.unwrap_or_default(),
        if tile.variant == product.pick { "✓".to_owned() } else { String::new() },
    ]
}
