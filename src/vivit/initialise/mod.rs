//! A video model from a trained one: from an image transformer, or from a video model of the same kind (paper,
//! section 3.4; spec §5).
//!
//! To the arithmetic, an image transformer is Model 1 that samples a single frame
//! ([`FrameSampling`](super::FrameSampling)), with a kernel `[C, P, h, w]`. [`Initialisation::apply`] takes over what
//! the target can use, inflates the kernel to tubelets and fits the position tables; what is not taken over keeps the
//! starting values: those [`from_scratch`], or those of any other source of parameters.
//! [`Checkpoint::on_clips`](crate::checkpoint::Checkpoint::on_clips) is the small change that a trained model needs to run on
//! clips of another size or length.

mod inflation;
mod loading;
mod origin;
mod positions;
mod scratch;

pub use inflation::{Inflation, inflate};
pub(crate) use loading::{FittedPositions, fit_positions};
pub use origin::{ClassRow, ParameterOrigin, PositionFit};
pub use positions::{PositionTable, Positions};
pub use scratch::from_scratch;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::{Config, EncoderSize, FactorisedEncoder, Grid, Model, ParameterSpec, Parameters, Temporal};
use crate::graph::Weights;
use crate::tensor::{Error, Result, Shape, Tensor, named};
use origin::Plan;

/// How the attention over time in the blocks of Model 3 begins, for which an image model has no weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TemporalAttention {
    /// Query, key and value are copied from the attention over space; the output projection, kernel and bias, is zero.
    ///
    /// The step begins as the identity, as in the paper, and learns: the output projection's gradient is not zero,
    /// since the values it projects are not. That is why it is the default.
    #[default]
    ZeroOut,
    /// All of it is zero, as the paper says.
    ///
    /// It begins as the identity and stays one but for a bias: with values of zero no gradient reaches the output
    /// projection, and with an output projection of zero none reaches query, key and value.
    ZeroAll,
    /// All of it is copied from the attention over space, as the original implementation does by default.
    Copy,
    /// The starting values stay: from scratch, Xavier's.
    Xavier,
}

named!(
    TemporalAttention,
    "the beginning of attention over time": ZeroOut = "zero_out", ZeroAll = "zero_all", Copy = "copy", Xavier = "xavier"
);

/// What is taken over from a trained model, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Initialisation {
    /// How an image model's kernel becomes one over the frames of a tubelet; `None` keeps the starting kernel and bias.
    /// A kernel that has the target's shape already is copied.
    pub inflation: Option<Inflation>,
    /// How position tables are fitted to another grid; `None` keeps the starting positions. A table whose grid is the
    /// target's already is copied.
    pub positions: Option<Positions>,
    /// How the attention over time in Model 3 begins.
    pub temporal: TemporalAttention,
    /// Whether Model 2's spatial class token begins as the image model's. It does not in the original implementation,
    /// where the two go by different names. Where it does, and the kernel is [central](Inflation::Central) or
    /// [averaged](Inflation::Average), the spatial encoder sees a still clip as the image model sees its picture.
    pub copy_cls_to_spatial: bool,
    /// Whether the head is taken over too. Else it keeps its starting values: it is trained for other classes.
    pub keep_head: bool,
}

impl Default for Initialisation {
    /// That of the published models, but [`TemporalAttention::ZeroOut`].
    fn default() -> Self {
        Self {
            inflation: Some(Inflation::default()),
            positions: Some(Positions::default()),
            temporal: TemporalAttention::default(),
            copy_cls_to_spatial: false,
            keep_head: false,
        }
    }
}

impl Initialisation {
    /// That of the published models, but [`TemporalAttention::ZeroOut`].
    pub fn new() -> Self {
        Self::default()
    }

    /// An image model's kernel becomes one over the frames of a tubelet in this way; `None` keeps the starting kernel and bias.
    #[must_use]
    pub fn inflation(self, inflation: impl Into<Option<Inflation>>) -> Self {
        Self { inflation: inflation.into(), ..self }
    }

    /// Position tables are fitted to another grid in this way; `None` keeps the starting positions.
    #[must_use]
    pub fn positions(self, positions: impl Into<Option<Positions>>) -> Self {
        Self { positions: positions.into(), ..self }
    }

    /// The attention over time in Model 3 begins in this way.
    #[must_use]
    pub fn temporal(self, temporal: TemporalAttention) -> Self {
        Self { temporal, ..self }
    }

    /// Whether Model 2's spatial class token begins as the image model's.
    #[must_use]
    pub fn copy_cls_to_spatial(self, copy_cls_to_spatial: bool) -> Self {
        Self { copy_cls_to_spatial, ..self }
    }

    /// Whether the head is taken over too.
    #[must_use]
    pub fn keep_head(self, keep_head: bool) -> Self {
        Self { keep_head, ..self }
    }

    /// The parameters of `target`: from `parameters`, those of a trained model of shape `source`, where they can be
    /// taken over, and from `start` where not.
    ///
    /// The source is an image model or Model 1, or of the target's own kind. Nothing is read yet: each tensor is made
    /// when it is asked for.
    ///
    /// # Errors
    ///
    /// Sizes that differ and must not; a kernel or position table that cannot be fitted as asked; starting values that
    /// are not of the target's shape.
    pub fn apply(
        &self,
        source: &Config,
        parameters: Arc<dyn Parameters>,
        target: &Config,
        start: Arc<dyn Parameters>,
    ) -> Result<Initialised> {
        target.validate()?;
        comparable(source, target)?;
        let specs = target.parameters()?;
        for ParameterSpec { name, shape } in &specs {
            let found = start.shape(name)?;
            if found != *shape {
                return Err(Error::usage(format!("the starting values of {name} are {found}, but must be {shape}")));
            }
        }
        let names = parameters.names().into_iter().collect();
        let plan = Plan { rules: self, source, parameters: &*parameters, names, target };
        let entries = specs
            .into_iter()
            .map(|spec| Ok(Entry { origin: plan.origin(&spec)?, spec }))
            .collect::<Result<Vec<_>>>()?;
        let indices = entries.iter().enumerate().map(|(index, entry)| (entry.spec.name.clone(), index)).collect();
        Ok(Initialised { entries, indices, parameters, start })
    }
}

/// An error that names the sizes in which a source differs from a target and must not.
fn comparable(source: &Config, target: &Config) -> Result<()> {
    if !matches!(source.model, Model::Joint(_)) && source.model.number() != target.model.number() {
        return Err(Error::usage(format!(
            "{} cannot be initialised from {}, only from its own kind, from Model 1 or from an image model",
            target.model, source.model
        )));
    }
    let mut sizes = vec![
        ("colour planes", source.planes, target.planes),
        ("width", source.width, target.width),
        ("layers", source.layers, target.layers),
        ("heads", source.heads, target.heads),
        ("hidden width", source.hidden, target.hidden),
    ];
    if let [Some(source), Some(target)] = [source, target].map(temporal_encoder) {
        sizes.extend([
            ("temporal layers", source.layers, target.layers),
            ("temporal heads", source.heads, target.heads),
            ("temporal hidden width", source.hidden, target.hidden),
        ]);
    }
    let differing = sizes.into_iter().filter(|(_, source, target)| source != target);
    let listed: Vec<_> = differing.map(|(what, source, target)| format!("{what} {source}, not {target}")).collect();
    match listed.is_empty() {
        true => Ok(()),
        false => Err(Error::usage(format!(
            "the model to begin from differs in size from the one to be made ({}): these must be the same",
            listed.join("; ")
        ))),
    }
}

/// The size of Model 2's temporal encoder.
fn temporal_encoder(config: &Config) -> Option<EncoderSize> {
    match config.model {
        Model::FactorisedEncoder(FactorisedEncoder { temporal: Temporal::Encoder(size) }) => Some(size),
        _ => None,
    }
}

/// One parameter of the target.
#[derive(Debug)]
struct Entry {
    spec: ParameterSpec,
    origin: ParameterOrigin,
}

/// A model's parameters as [`Initialisation::apply`] makes them.
#[derive(Debug)]
pub struct Initialised {
    entries: Vec<Entry>,
    indices: HashMap<String, usize>,
    parameters: Arc<dyn Parameters>,
    start: Arc<dyn Parameters>,
}

impl Initialised {
    /// Each parameter with where it comes from, in the order of the forward pass.
    pub fn origins(&self) -> impl Iterator<Item = (&ParameterSpec, &ParameterOrigin)> {
        self.entries.iter().map(|entry| (&entry.spec, &entry.origin))
    }

    /// The names of the source's parameters that nothing is made from.
    pub fn unused(&self) -> Vec<&str> {
        let used: BTreeSet<_> = self.entries.iter().filter_map(|entry| entry.origin.source()).collect();
        self.parameters.names().into_iter().filter(|name| !used.contains(name)).collect()
    }

    fn entry(&self, name: &str) -> Result<&Entry> {
        let index = self.indices.get(name);
        index
            .map(|&index| &self.entries[index])
            .ok_or_else(|| Error::usage(format!("the model has no parameter `{name}`")))
    }
}

impl Parameters for Initialised {
    fn names(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.spec.name.as_str()).collect()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        Ok(self.entry(name)?.spec.shape.clone())
    }
}

impl Weights for Initialised {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        let Entry { spec, origin } = self.entry(name)?;
        origin.tensor(spec, &*self.parameters, &*self.start)
    }
}

/// A grid of tokens for people: `16 temporal indices of 14×14`, for images `14×14`, for time alone `16 temporal indices`.
fn described(grid: Grid) -> String {
    let Grid { temporal, rows, columns } = grid;
    match (temporal, grid.spatial()) {
        (1, _) => format!("{rows}×{columns}"),
        (_, 1) => format!("{temporal} temporal indices"),
        _ => format!("{temporal} temporal indices of {rows}×{columns}"),
    }
}
