//! The paper's table beside what was measured.

use serde::Serialize;

use super::super::super::Benchmark;
use super::super::amounts::{NONE, seconds};
use super::super::paper::{Beside, PUBLISHED, Published};
use super::super::words;
use crate::vivit::Model;

/// The table of one device.
#[derive(Serialize)]
pub(super) struct PaperTable {
    device: String,
    sentence: String,
    rows: Vec<PaperRow>,
    note: String,
}

#[derive(Serialize)]
struct PaperRow {
    name: String,
    published: PublishedCells,
    operations: String,
    parameters: String,
    time: String,
    relative: String,
}

#[derive(Serialize)]
struct PublishedCells {
    operations: String,
    parameters: String,
    relative: String,
}

/// A table a device on which any model was measured.
pub(super) fn all(benchmark: &Benchmark) -> Vec<PaperTable> {
    let devices = 0..benchmark.devices.len();
    devices.filter_map(|device| Some(table(benchmark, &Beside::of_device(benchmark, device)?))).collect()
}

const NOTE: &str = "Paper: Arnab et al., ViViT: A Video Vision Transformer, ICCV 2021, Table 2, which gives 58.9, 17.4, 31.7 and \
    22.9 ms on a TPU-v3 for ViViT-B/16x2 on 32 frames of 224×224 pixels. Run times are relative to Model 1 on the same device. \
    Multiply-adds are those of a clip, counted as the paper counts them.";
const OWN_COUNT: &str = " † Those of matrix products alone.";

fn table(benchmark: &Benchmark, beside: &Beside<'_>) -> PaperTable {
    let device = benchmark.devices.get(beside.device).map_or(String::new(), |device| words::plain(&device.name));
    let sentence = match beside.is_paper() {
        true => format!("{}, as in the paper.", beside.sizes()),
        false => format!("{}: not the paper’s sizes, so only the relative run times can be compared.", beside.sizes()),
    };
    let rows: Vec<PaperRow> =
        PUBLISHED.iter().enumerate().map(|(index, published)| row(published, beside, index)).collect();
    let own = if rows.iter().any(|row| row.operations.ends_with('†')) { OWN_COUNT } else { "" };
    PaperTable { device, sentence, rows, note: format!("{NOTE}{own}") }
}

fn row(published: &Published, beside: &Beside<'_>, index: usize) -> PaperRow {
    let none = || NONE.to_owned();
    let title = published.number.to_string().parse::<Model>().map_or("", |model| model.title());
    let times = beside.times(index);
    let operations = times.map(|times| {
        let giga = |count: u64| format!("{:.1}", count as f64 * 1e-9 / beside.work.batch.max(1) as f64);
        let own = || format!("{} †", giga(times.cost.multiply_accumulates));
        times.cost.paper_multiply_accumulates.map_or_else(own, giga)
    });
    PaperRow {
        name: format!("Model {}, {title}", published.number),
        published: PublishedCells {
            operations: format!("{:.1}", published.giga),
            parameters: format!("{:.1}", published.parameters),
            relative: format!("{:.2}", published.relative()),
        },
        operations: operations.unwrap_or_else(none),
        parameters: beside.parameters(index).map_or_else(none, |millions| format!("{millions:.1}")),
        time: times.map_or_else(|| beside.missing(index).to_owned(), |times| seconds(times.median)),
        relative: beside.relative(index).map_or_else(none, |relative| format!("{relative:.2}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn the_papers_figures_stand_beside_ours() {
        let benchmark = sample::benchmark();
        let tables = all(&benchmark);
        assert_eq!(tables.len(), 2);
        assert!(tables[0].sentence.ends_with("as in the paper."), "{}", tables[0].sentence);
        assert_eq!((&*tables[1].rows[2].time, &*tables[1].rows[2].relative), ("not measured", "–"));
        let second = &tables[0].rows[1];
        assert_eq!((&*second.published.operations, &*second.published.relative), ("284.4", "0.30"));
        assert_eq!(second.parameters, "115.1");
        let expected = benchmark.rows.iter().filter_map(|row| match &row.work {
            crate::bench::Work::Model(model) if model.frames == 32 && row.device == 0 => row.measurement(),
            _ => None,
        });
        let medians: Vec<f64> = expected.map(|times| times.median).collect();
        assert_eq!(second.relative, format!("{:.2}", medians[1] / medians[0]));
    }
}
