//! Which tile of workgroups is fastest on a device, for each class of the models' products.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Clock;
use super::clock::clock_of;
use super::forward::recorded;
use super::kernels::problem;
use super::problem::{Prepared, Problem};
use super::sampling::{ENOUGH_SAMPLES, ENOUGH_SECONDS, Rules, Sampled, Timed, quantile, sample_in_turn};
use super::verification::{BETWEEN_BACKENDS, compared};
use crate::gpu::Capabilities;
use crate::graph::Device;
use crate::kernels::{Call, Case, Precision, ProductClass, Selection, TilePicks, Variant, WorkgroupTile};
use crate::tensor::{Error, ErrorKind, Result, Tensor};
use crate::vivit::{Config, Model};

/// How much faster than the tiles that a device gets by itself another one must be to take their place: less may be noise.
const MARGIN: f64 = 0.03;
/// Frames of the clips that a software device is given.
const SOFTWARE_FRAMES: usize = 4;

/// Every tile that a device can run, timed.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct TimedTiles {
    /// The clock that decided.
    pub clock: Clock,
    /// A product of each kernel and class, the one with the most operations.
    pub products: Vec<TimedProduct>,
}

/// A product by every tile.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct TimedProduct {
    /// The kernel.
    pub kernel: &'static str,
    /// The class of its shape.
    pub class: ProductClass,
    /// Rows of the output.
    pub rows: usize,
    /// Columns of the output.
    pub columns: usize,
    /// Arithmetic operations: a multiply-add is two.
    pub operations: u64,
    /// What the device gets by itself, then each tile.
    pub tiles: Vec<TimedTile>,
    /// The variant with the tile that is picked.
    pub pick: &'static str,
    /// That tile; `None` for what the device gets by itself.
    #[serde(skip)]
    pub tile: Option<WorkgroupTile>,
}

/// A product by one tile.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct TimedTile {
    /// The variant with this tile.
    pub variant: &'static str,
    /// The tile; `None` for what the device gets by itself.
    #[serde(skip)]
    pub tile: Option<WorkgroupTile>,
    /// Median of its runs; `None` where it was not timed.
    pub seconds: Option<f64>,
    /// Why it was not timed.
    pub reason: Option<String>,
}

/// A product of a model.
struct ModelProduct {
    call: Call,
    shape: [usize; 2],
    operations: u64,
}

/// The models whose products tell the tiles of `device`: the four of ViT-B; on a software device those of ViT-Ti on short
/// clips, which take seconds.
pub fn models_for_tiles(device: &Capabilities) -> Result<Vec<Config>> {
    let backbone = match device.is_software() {
        true => Config::named("vit-ti")?.frames(SOFTWARE_FRAMES),
        false => Config::named("vit-b")?,
    };
    let models = Model::all().into_iter().map(|model| backbone.clone().as_model(model));
    // Three heads cannot be halved.
    Ok(models.filter(|config| config.validate().is_ok()).collect())
}

impl TimedTiles {
    /// Times every tile that `device` can run on the products of `models`, all tiles of a product in turn, each for at most
    /// `row_seconds`. A tile whose output is not that of the variant `workgroup` is not timed. `progress` hears the share that
    /// is done and what comes next.
    ///
    /// # Errors
    ///
    /// Where the device runs no tiles of workgroups, or is lost.
    pub fn of(
        device: &Device,
        models: &[Config],
        row_seconds: f64,
        progress: &mut dyn FnMut(f64, &str),
    ) -> Result<Self> {
        let rules = Rules { row_seconds, samples: ENOUGH_SAMPLES, seconds: ENOUGH_SECONDS, warm: true };
        let largest = products(models)?;
        let mut timed = Vec::with_capacity(largest.len());
        for (index, ((kernel, class), product)) in largest.iter().enumerate() {
            let [rows, columns] = product.shape;
            progress(index as f64 / largest.len() as f64, &format!("{kernel}, {rows} × {columns}"));
            timed.push(product.timed(device, *class, &rules)?);
        }
        Ok(Self { clock: clock_of(device), products: timed })
    }

    /// The tile of each product that is fastest.
    pub fn picks(&self) -> TilePicks {
        let with = |picks: TilePicks, product: &TimedProduct| picks.with(product.kernel, product.class, product.tile);
        self.products.iter().fold(TilePicks::new(), with)
    }
}

/// Of each kernel and class the product with the most operations.
fn products(models: &[Config]) -> Result<BTreeMap<(&'static str, ProductClass), ModelProduct>> {
    let mut largest: BTreeMap<_, ModelProduct> = BTreeMap::new();
    for model in models {
        for node in recorded(model, 1)?.graph.nodes() {
            let Some(shape) = node.call.product() else { continue };
            let key = (node.call.family().name, ProductClass::of(shape));
            let operations = node.call.cost(Precision::F32).operations;
            if largest.get(&key).is_none_or(|product| product.operations < operations) {
                largest.insert(key, ModelProduct { call: node.call.clone(), shape, operations });
            }
        }
    }
    Ok(largest)
}

impl ModelProduct {
    fn timed(&self, device: &Device, class: ProductClass, rules: &Rules) -> Result<TimedProduct> {
        let kernel = self.call.family().name;
        let [rows, columns] = self.shape;
        let problem = problem(&Case::of_call(format!("{rows} × {columns}"), self.call.clone()))?;
        let candidates = self.candidates(device)?;
        let mut tiles = Vec::with_capacity(candidates.len());
        let mut ready = Vec::with_capacity(candidates.len());
        let mut expected = None;
        for variant in candidates {
            let prepared = prepared(device, &problem, class, variant, &mut expected);
            let (seconds, reason) = (None, prepared.as_ref().err().map(ToString::to_string));
            tiles.push(TimedTile { variant: variant.name, tile: variant.tile, seconds, reason });
            match prepared {
                Ok(prepared) => ready.push((tiles.len() - 1, prepared)),
                Err(error) if error.kind() == ErrorKind::DeviceLost || expected.is_none() => return Err(error),
                Err(_) => {}
            }
        }
        let sampled = {
            let mut in_turn: Vec<_> = ready.iter_mut().map(|(_, run)| run as &mut dyn Timed).collect();
            sample_in_turn(&mut in_turn, rules)
        };
        for ((index, _), sampled) in ready.iter().zip(sampled) {
            match sampled {
                Ok(sampled) => tiles[*index].seconds = Some(median(&sampled, clock_of(device))),
                Err(error) if error.kind() == ErrorKind::DeviceLost => return Err(error),
                Err(error) => tiles[*index].reason = Some(error.to_string()),
            }
        }
        let (pick, tile) = fastest(&tiles);
        Ok(TimedProduct { kernel, class, rows, columns, operations: self.operations, tiles, pick, tile })
    }

    /// The variant that chooses its tile by itself, then those with a tile each.
    fn candidates(&self, device: &Device) -> Result<Vec<&'static Variant>> {
        let no_tiles = |why: &str| Error::unsupported(format!("{} runs no tiles of workgroups: {why}", device.name()));
        let gpu = device.gpu().ok_or_else(|| no_tiles("it runs no WGSL"))?;
        let variants = self.call.family().variants_at(Precision::F32);
        let tiles: Vec<_> = variants.iter().copied().filter(|variant| variant.tile.is_some()).collect();
        let chooses = |variant: &&&'static Variant| tiles.first().is_some_and(|tile| tile.is_tile_of(variant));
        let usual = *variants.iter().find(chooses).ok_or_else(|| no_tiles("the kernel has none"))?;
        match usual.missing(gpu.capabilities()) {
            None => Ok([usual].into_iter().chain(tiles).collect()),
            Some(missing) => Err(no_tiles(&format!("it lacks {missing}"))),
        }
    }
}

/// `problem` ready to run by `variant`, where its outputs are those that are `expected`: those of the first that is ready.
fn prepared(
    device: &Device,
    problem: &Problem,
    class: ProductClass,
    variant: &'static Variant,
    expected: &mut Option<Vec<Tensor>>,
) -> Result<Prepared> {
    if let Some(missing) = device.gpu().and_then(|gpu| variant.missing(gpu.capabilities())) {
        return Err(Error::unsupported(format!("{} lacks {missing}", device.name())));
    }
    let prepared = problem.prepare(device, &selection(problem, class, variant)?)?;
    let outputs = prepared.outputs(&problem.wanted)?;
    let Some(expected) = expected else {
        *expected = Some(outputs);
        return Ok(prepared);
    };
    let verified = compared("the variant workgroup", false, &outputs, expected, BETWEEN_BACKENDS * problem.bound);
    match verified.passed {
        true => Ok(prepared),
        false => Err(Error::new(
            ErrorKind::Device,
            format!("its output is wrong: it is {:.1e} from that of {}", verified.relative_l2, verified.against),
        )),
    }
}

/// `variant` for the one kernel of `problem`, and none of the tiles that the table has.
fn selection(problem: &Problem, class: ProductClass, variant: &'static Variant) -> Result<Selection> {
    let kernels = problem.graph.nodes().iter().map(|node| node.call.family().name);
    let forced: Vec<_> = kernels.clone().map(|kernel| format!("{kernel}={}", variant.name)).collect();
    let picks = kernels.fold(TilePicks::new(), |picks, kernel| picks.with(kernel, class, None));
    Ok(forced.join(",").parse::<Selection>()?.tiles(picks))
}

fn median(sampled: &Sampled, clock: Clock) -> f64 {
    let samples = match clock {
        Clock::Wall => &sampled.samples.wall,
        Clock::Device => &sampled.samples.device,
        Clock::Cpu => &sampled.samples.cpu,
    };
    quantile(samples, 0.5)
}

/// The fastest tile and its variant; the first, which the device gets by itself, unless another is faster by a margin.
fn fastest(tiles: &[TimedTile]) -> (&'static str, Option<WorkgroupTile>) {
    let usual = tiles.first();
    // What others have to be faster than.
    let most = usual.and_then(|usual| usual.seconds).map_or(f64::INFINITY, |seconds| (1.0 - MARGIN) * seconds);
    let timed = tiles.iter().filter_map(|tile| Some((tile, tile.seconds?)));
    let best = timed.filter(|(_, seconds)| *seconds < most).min_by(|one, other| one.1.total_cmp(&other.1));
    best.map(|(tile, _)| tile).or(usual).map_or(("", None), |tile| (tile.variant, tile.tile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::DeviceKind;

    #[test]
    fn the_models_have_a_product_of_each_class() {
        let models = models_for_tiles(&Capabilities::of_kind(DeviceKind::Discrete)).unwrap();
        assert_eq!(models.len(), 4);
        let found = products(&models).unwrap();
        let of_linear = ProductClass::ALL.iter().map(|class| ("linear", *class));
        let expected: Vec<_> = of_linear.chain([("tubelet_embed", ProductClass::ManyNarrow)]).collect();
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), expected);
        assert_eq!(found[&("tubelet_embed", ProductClass::ManyNarrow)].shape, [3136, 768]);
        let software = models_for_tiles(&Capabilities::of_kind(DeviceKind::Software)).unwrap();
        assert_eq!(software.len(), 3);
    }

    #[test]
    fn a_tile_is_picked_where_it_is_faster_by_more_than_noise() {
        let tile = |variant, seconds| TimedTile { variant, tile: None, seconds, reason: None };
        let pick = |others: [Option<f64>; 2]| {
            fastest(&[tile("workgroup", Some(1.0)), tile("first", others[0]), tile("second", others[1])]).0
        };
        assert_eq!(pick([Some(0.98), None]), "workgroup");
        assert_eq!(pick([Some(0.9), Some(0.8)]), "second");
        assert_eq!(pick([Some(0.9), Some(1.2)]), "first");
        assert_eq!(pick([None, None]), "workgroup");
    }
}
