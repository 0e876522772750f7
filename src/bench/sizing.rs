//! Which sizes a comparison has: those that fit its time on the devices at hand, as a short probe foresees it.

use std::fmt;
use std::time::Instant;

use super::comparison::ComparedSizes;
use super::forward::{self, SEED};
use super::sampling::STRETCH;
use crate::checkpoint;
use crate::graph::Device;
use crate::kernels::{Precision, Selection};
use crate::tensor::{Error, Result};
use crate::vivit::{Config, Model};

/// What the user leaves to the sizing, and what not.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SizingWish {
    /// The backbone, where the user names one.
    pub backbone: Option<String>,
    /// Frames of the clips, where the user names them.
    pub frames: Option<Vec<usize>>,
    /// Whether all frames are measured, whatever time that takes within an hour.
    pub full: bool,
}

impl SizingWish {
    /// Whether nothing is left to be sized.
    pub fn is_complete(&self) -> bool {
        self.backbone.is_some() && (self.frames.is_some() || self.full)
    }
}

/// The sizes of a comparison.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sizing {
    /// The backbone.
    pub backbone: String,
    /// Rows and columns of a frame, in pixels; `None` for those of the backbone.
    pub size: Option<[usize; 2]>,
    /// Frames of the clips.
    pub frames: Vec<usize>,
    /// Why, in a sentence.
    pub sentence: String,
}

/// How fast a device works, as a probe found it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WorkRate {
    /// The device's name.
    pub device: String,
    /// Operations of a forward pass that it does in a second on the clock.
    pub operations_per_second: f64,
}

/// Frames of a whole sweep.
const ALL_FRAMES: [usize; 5] = [8, 16, 32, 64, 128];
/// Sizes to choose from, the largest first: a backbone, the side of its frames where that is not its own, and frames.
///
/// Smaller frames come before a smaller backbone: vit-ti has three heads, which Model 4 cannot halve.
const RUNGS: [(&str, Option<usize>, &[usize]); 8] = [
    ("vit-b", None, &ALL_FRAMES),
    ("vit-b", None, &[8, 16, 32, 64]),
    ("vit-b", None, &[8, 16, 32]),
    ("vit-s", None, &[8, 16, 32]),
    ("vit-s", None, &[8, 16]),
    ("vit-s", Some(112), &[8, 16, 32]),
    ("vit-s", Some(112), &[8, 16]),
    ("vit-s", Some(112), &[8]),
];
/// Seconds that the rows of a comparison may take, so that with probes and loading it is done in two minutes.
const SECONDS: f64 = 90.0;
/// The same where everything is wanted.
const FULL_SECONDS: f64 = 3600.0;
/// Passes that a row has at least: one that compiles, one that warms up, one sample.
const LEAST_PASSES: f64 = 3.0;
/// The same where three samples do not take too long.
const FEW_PASSES: f64 = 5.0;
/// Passes after which a quick row has enough.
const MOST_PASSES: f64 = 30.0;
/// Forward passes that have about the operations of a training step.
const FORWARDS_OF_A_STEP: u64 = 3;
/// Parameters that are made and packed in a second.
const PARAMETERS_PER_SECOND: f64 = 1e8;

/// How fast `device` does a forward pass of a small model.
pub fn probe(device: &Device) -> Result<WorkRate> {
    let config = Config::named("vit-ti")?.frames(8);
    let weights = checkpoint::untrained(config.clone(), SEED)?.parameters;
    let problem = forward::problem(&config, weights, 1, Precision::F32)?;
    let prepared = problem.prepare(device, &Selection::automatic())?;
    // The first pass compiles.
    prepared.outputs(&problem.wanted)?;
    let mut best = f64::INFINITY;
    for _ in 0..2 {
        let begun = Instant::now();
        prepared.outputs(&problem.wanted)?;
        best = best.min(begun.elapsed().as_secs_f64());
    }
    let operations_per_second = problem.cost().operations as f64 / best.max(1e-9);
    Ok(WorkRate { device: device.name().to_owned(), operations_per_second })
}

impl Sizing {
    /// The largest sizes that fit the time on devices of these rates, each row being given `row_seconds`; what `wish` names
    /// stays. Where nothing fits, the smallest.
    ///
    /// # Errors
    ///
    /// A backbone that there is not.
    pub fn of(wish: &SizingWish, sizes: &ComparedSizes, rates: &[WorkRate], row_seconds: f64) -> Result<Self> {
        let limit = if wish.full { FULL_SECONDS } else { SECONDS };
        let mut rungs: Vec<Rung> = Vec::new();
        for (backbone, side, frames) in RUNGS {
            let whole = if wish.full { &ALL_FRAMES[..] } else { frames };
            // Who names a backbone means its own size.
            let side = side.filter(|_| wish.backbone.is_none()).map(|side| [side; 2]);
            let rung = Rung {
                backbone: wish.backbone.clone().unwrap_or_else(|| backbone.to_owned()),
                size: sizes.size.or(side),
                frames: wish.frames.clone().unwrap_or_else(|| whole.to_vec()),
            };
            if !rungs.contains(&rung) {
                rungs.push(rung);
            }
        }
        let mut first = None;
        let mut last = None;
        for rung in rungs {
            let seconds = foreseen(&rung, sizes, rates, row_seconds)?;
            first = first.or_else(|| Some((rung.clone(), seconds)));
            let found = (rung, seconds);
            if seconds <= limit {
                return Ok(Self::found(wish, found, first, rates));
            }
            last = Some(found);
        }
        let last = last.ok_or_else(|| Error::usage("there are no sizes to choose from"))?;
        Ok(Self::found(wish, last, first, rates))
    }

    fn found(wish: &SizingWish, (rung, seconds): (Rung, f64), first: Option<(Rung, f64)>, rates: &[WorkRate]) -> Self {
        let rates: Vec<_> = rates
            .iter()
            .map(|rate| format!("{} at {:.0} GFLOP/s", rate.device, rate.operations_per_second * 1e-9))
            .collect();
        let foreseen = match rates.is_empty() {
            true => String::new(),
            false => format!(
                ": a pass of a small model ran on {}, so that the rows take about {} s",
                rates.join(" and on "),
                seconds.ceil()
            ),
        };
        let larger = match first {
            Some((larger, time)) if larger != rung => format!("; {larger} would be {} s", time.ceil()),
            _ => String::new(),
        };
        let chosen = match (wish.backbone.is_some(), wish.frames.is_some() || wish.full) {
            (true, true) => "as asked for",
            (true, false) => "the frames chosen",
            (false, true) => "the backbone chosen",
            (false, false) => "backbone and clips chosen",
        };
        let sentence = format!("{rung}, {chosen}{foreseen}{larger}");
        let Rung { backbone, size, frames } = rung;
        Self { backbone, size, frames, sentence }
    }
}

/// Sizes that a comparison may have.
#[derive(Clone, Debug, PartialEq)]
struct Rung {
    backbone: String,
    size: Option<[usize; 2]>,
    frames: Vec<usize>,
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = self.frames.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "{} on clips of {frames} frames", self.backbone)?;
        self.size.map_or(Ok(()), |[rows, columns]| write!(f, " of {rows}×{columns}"))
    }
}

/// Seconds that the rows of such a comparison take on devices of these rates.
fn foreseen(rung: &Rung, sizes: &ComparedSizes, rates: &[WorkRate], row_seconds: f64) -> Result<f64> {
    let (backbone, sizes) = (&*rung.backbone, &ComparedSizes { size: rung.size, ..sizes.clone() });
    let mut seconds = 0.0;
    for &frames in &rung.frames {
        for kind in &sizes.kinds {
            let config = sizes.config(backbone, *kind, frames)?;
            // A model that cannot be takes no time.
            let Ok(operations) = forward::operations(&config, sizes.batch) else { continue };
            let parameters: usize = config.parameters()?.iter().map(|parameter| parameter.shape.elements()).sum();
            let loading = parameters as f64 / PARAMETERS_PER_SECOND;
            let of = |operations: u64| -> f64 {
                rates.iter().map(|rate| row(operations, rate, row_seconds) + loading).sum()
            };
            seconds += of(operations) * sizes.precisions.len() as f64;
            if sizes.backward && sizes.precisions.contains(&Precision::F32) {
                seconds += of(FORWARDS_OF_A_STEP * operations);
            }
        }
        let clip = sizes.config(backbone, Model::all()[0], frames)?;
        for precision in sizes.attention_precisions() {
            for candidate in super::attention::forms(&clip, sizes.batch, precision) {
                seconds += rates.iter().map(|rate| row(candidate.operations, rate, row_seconds)).sum::<f64>();
            }
        }
    }
    if sizes.of_llama_cpp {
        for precision in sizes.attention_precisions() {
            let operations = super::attention::of_llama_cpp(precision).operations;
            seconds += rates.iter().map(|rate| row(operations, rate, row_seconds)).sum::<f64>();
        }
    }
    Ok(seconds)
}

/// Seconds of a row of so many operations.
pub(super) fn row(operations: u64, rate: &WorkRate, row_seconds: f64) -> f64 {
    let pass = operations as f64 / rate.operations_per_second;
    let few = (FEW_PASSES * pass).min(STRETCH * row_seconds + pass);
    (MOST_PASSES * pass).min(row_seconds).max(few).max(LEAST_PASSES * pass)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(wish: &SizingWish, rates: &[f64]) -> Sizing {
        let rate = |(index, rate): (usize, &f64)| WorkRate {
            device: format!("device {index}"),
            operations_per_second: rate * 1e9,
        };
        let rates: Vec<_> = rates.iter().enumerate().map(rate).collect();
        Sizing::of(wish, &ComparedSizes::default(), &rates, 1.0).unwrap()
    }

    #[test]
    fn sizes_fit_the_devices() {
        let wish = SizingWish::default();
        for (rates, backbone, size, frames) in [
            (&[1e6, 1e6][..], "vit-b", None, Some(&ALL_FRAMES[..])),
            (&[20_000.0, 1000.0], "vit-b", None, None),
            (&[1.0], "vit-s", Some([112, 112]), Some(&[8])),
        ] {
            let sizing = of(&wish, rates);
            assert_eq!((&*sizing.backbone, sizing.size), (backbone, size), "{rates:?}: {}", sizing.sentence);
            assert!(frames.is_none_or(|frames| frames == sizing.frames), "{rates:?}: {}", sizing.sentence);
            assert!(sizing.sentence.contains("device 0 at"), "{}", sizing.sentence);
        }
        // A slower device never has more.
        let rung = |rate: f64| {
            let Sizing { backbone, size, frames, .. } = of(&wish, &[rate, 4.0 * rate]);
            let same = |side: &Option<usize>| side.map(|side| [side; 2]) == size;
            RUNGS.iter().position(|(name, side, list)| *name == backbone && same(side) && **list == frames[..])
        };
        let rungs: Vec<_> = [1e5, 1e4, 1e3, 300.0, 100.0, 30.0, 10.0, 1.0].map(rung).into();
        assert!(rungs.iter().all(Option::is_some) && rungs.is_sorted(), "{rungs:?}");
    }

    #[test]
    fn what_is_asked_for_stays() {
        let frames = SizingWish { frames: Some(vec![4]), ..SizingWish::default() };
        assert_eq!(of(&frames, &[0.5]).frames, [4]);
        let backbone = SizingWish { backbone: Some("vit-l".to_owned()), ..SizingWish::default() };
        let found = of(&backbone, &[100.0]);
        assert_eq!((&*found.backbone, found.size, found.frames), ("vit-l", None, vec![8]));
        let both = SizingWish { backbone: Some("vit-h".to_owned()), ..frames };
        let sizing = of(&both, &[]);
        assert_eq!((&*sizing.backbone, &*sizing.sentence), ("vit-h", "vit-h on clips of 4 frames, as asked for"));
        assert!(both.is_complete());
        let full = of(&SizingWish { full: true, ..SizingWish::default() }, &[45.0, 300.0]);
        assert_eq!(full.frames, [8, 16, 32, 64, 128]);
    }

    #[test]
    fn training_steps_take_time_from_the_sizes() {
        let seconds = |backward| {
            let sizes = ComparedSizes { backward, of_llama_cpp: false, ..ComparedSizes::default() };
            let rung = Rung { backbone: "vit-s".to_owned(), size: None, frames: vec![8] };
            let rate = WorkRate { device: String::new(), operations_per_second: 1e9 };
            foreseen(&rung, &sizes, &[rate], 1.0).unwrap()
        };
        assert!(seconds(true) > 3.0 * seconds(false), "{} {}", seconds(true), seconds(false));
    }

    #[test]
    fn a_row_has_its_least_and_its_most() {
        let rate = WorkRate { device: String::new(), operations_per_second: 100.0 };
        for (operations, expected) in [(1, 0.3), (5, 1.0), (50, 2.5), (100, 5.0), (200, 6.0), (1000, 30.0)] {
            approx::assert_relative_eq!(row(operations, &rate, 1.0), expected, epsilon = 1e-12);
        }
    }
}
