//! Where each parameter of an initialised model comes from.

use std::collections::HashSet;
use std::fmt;

use super::{Inflation, Initialisation, PositionTable, TemporalAttention, described, inflate};
use crate::tensor::{Element, Error, Result, Tensor};
use crate::vivit::counterpart::Counterpart;
use crate::vivit::{Config, Grid, ParameterSpec, Parameters};

/// Where one parameter comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterOrigin {
    /// It keeps its starting value.
    Start,
    /// It is zero.
    Zero,
    /// It is the source's parameter of this name.
    Copied(String),
    /// It is the kernel of this name, inflated over the frames of a tubelet.
    Inflated(String, Inflation),
    /// It is a position table, fitted to another grid.
    Positions(PositionFit),
}

/// How a position table is fitted: resized, then repeated over time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PositionFit {
    /// The source's table.
    pub name: String,
    /// The grid of the source.
    pub from: Grid,
    /// The grid that it is resized to.
    pub resized: Grid,
    /// The grid of the target, whose temporal indices repeat those of `resized`.
    pub to: Grid,
    /// Where the class token's row comes from.
    pub class_row: ClassRow,
}

/// Where the position of a class token comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClassRow {
    /// The target has no class token.
    None,
    /// From the source's class token.
    Source,
    /// The source has none: it keeps its starting value.
    Start,
}

impl ParameterOrigin {
    /// The name of the source's parameter, where it comes from one.
    pub fn source(&self) -> Option<&str> {
        match self {
            Self::Start | Self::Zero => None,
            Self::Copied(name) | Self::Inflated(name, _) => Some(name),
            Self::Positions(fit) => Some(&fit.name),
        }
    }

    pub(super) fn tensor(
        &self,
        spec: &ParameterSpec,
        source: &dyn Parameters,
        start: &dyn Parameters,
    ) -> Result<Tensor> {
        match self {
            Self::Start => start.tensor(&spec.name),
            Self::Zero => Ok(Tensor::zeros(spec.shape.clone(), Element::F32)),
            Self::Copied(name) => source.tensor(name),
            Self::Inflated(name, inflation) => {
                let frames = spec.shape.axes().get(2).copied().unwrap_or(1);
                inflate(&source.tensor(name)?, frames, *inflation)
            }
            Self::Positions(fit) => fit.tensor(spec, source, start),
        }
    }
}

impl PositionFit {
    fn tensor(&self, spec: &ParameterSpec, source: &dyn Parameters, start: &dyn Parameters) -> Result<Tensor> {
        let table = PositionTable::new(source.tensor(&self.name)?, self.from)?;
        let class_row = match self.class_row {
            ClassRow::None => None,
            ClassRow::Source => table.class_row().map(<[f32]>::to_vec),
            ClassRow::Start => {
                let starting = PositionTable::new(start.tensor(&spec.name)?, self.to)?;
                starting.class_row().map(<[f32]>::to_vec)
            }
        };
        table.resized(self.resized)?.tiled(self.to.temporal)?.with_class_row(class_row).into_table()
    }
}

impl fmt::Display for ParameterOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("starting values"),
            Self::Zero => f.write_str("zero"),
            Self::Copied(name) => write!(f, "copied from {name}"),
            Self::Inflated(name, inflation) => write!(f, "inflated from {name} ({inflation})"),
            Self::Positions(fit) => fit.fmt(f),
        }
    }
}

impl fmt::Display for PositionFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, from, resized, to, class_row } = self;
        write!(f, "from {name}: {}", described(*from))?;
        if resized != from {
            write!(f, ", resized to {}", described(*resized))?;
        }
        if to != resized {
            write!(f, ", repeated over {} temporal indices", to.temporal)?;
        }
        match class_row {
            ClassRow::Start => f.write_str("; the class token's keeps its starting value"),
            ClassRow::None | ClassRow::Source => Ok(()),
        }
    }
}

/// What decides where each parameter comes from.
pub(super) struct Plan<'a> {
    pub(super) rules: &'a Initialisation,
    pub(super) source: &'a Config,
    pub(super) parameters: &'a dyn Parameters,
    /// The names of the source's parameters.
    pub(super) names: HashSet<&'a str>,
    pub(super) target: &'a Config,
}

impl Plan<'_> {
    pub(super) fn origin(&self, spec: &ParameterSpec) -> Result<ParameterOrigin> {
        match spec.name.split_once('.') {
            Some(("embedding", _)) => self.embedding(spec),
            Some(("output_projection", _)) => self.head(spec),
            _ if spec.name.ends_with(".pos_embedding") => self.positions(spec),
            _ => self.copied_or_zero(spec),
        }
    }

    /// What the source has for the target's parameter `name`.
    fn counterpart(&self, name: &str) -> Counterpart {
        match self.source.model.number() == self.target.model.number() {
            true => Counterpart::Named(name.to_owned()),
            false => self.target.model.definition().counterpart(name),
        }
    }

    fn copied_or_zero(&self, spec: &ParameterSpec) -> Result<ParameterOrigin> {
        match self.counterpart(&spec.name) {
            Counterpart::Named(name) => self.copied(spec, name),
            Counterpart::ClassToken(name) if self.rules.copy_cls_to_spatial => self.copied(spec, name),
            Counterpart::ClassToken(_) | Counterpart::Nothing => Ok(ParameterOrigin::Start),
            Counterpart::Temporal(name) => match self.rules.temporal {
                TemporalAttention::ZeroOut if spec.name.contains(".out.") => Ok(ParameterOrigin::Zero),
                TemporalAttention::ZeroOut | TemporalAttention::Copy => self.copied(spec, name),
                TemporalAttention::ZeroAll => Ok(ParameterOrigin::Zero),
                TemporalAttention::Xavier => Ok(ParameterOrigin::Start),
            },
        }
    }

    /// The source's parameter of that name, where it has one: a bias may be missing.
    fn copied(&self, spec: &ParameterSpec, name: String) -> Result<ParameterOrigin> {
        if !self.names.contains(name.as_str()) {
            return Ok(ParameterOrigin::Start);
        }
        let found = self.parameters.shape(&name)?;
        if found != spec.shape {
            return Err(Error::usage(format!(
                "{name} of the model to begin from is {found}, but {} must be {}",
                spec.name, spec.shape
            )));
        }
        Ok(ParameterOrigin::Copied(name))
    }

    fn head(&self, spec: &ParameterSpec) -> Result<ParameterOrigin> {
        match (self.rules.keep_head, self.names.contains(spec.name.as_str())) {
            (false, _) => Ok(ParameterOrigin::Start),
            (true, true) => self.copied(spec, spec.name.clone()),
            (true, false) => Err(Error::usage("the model to begin from has no head that could be kept")),
        }
    }

    fn embedding(&self, spec: &ParameterSpec) -> Result<ParameterOrigin> {
        let Some(inflation) = self.rules.inflation else { return Ok(ParameterOrigin::Start) };
        let found = self.parameters.shape(&spec.name)?;
        match (found.axes(), spec.shape.axes()) {
            (found, target) if found == target => Ok(ParameterOrigin::Copied(spec.name.clone())),
            (&[c, p, h, w], &[target_c, target_p, _, target_h, target_w])
                if [c, p, h, w] == [target_c, target_p, target_h, target_w] =>
            {
                Ok(ParameterOrigin::Inflated(spec.name.clone(), inflation))
            }
            _ => Err(Error::usage(format!(
                "a kernel of {found} cannot become one of {}: take tubelets with the rows and columns of the model to \
                 begin from, or keep the starting values",
                spec.shape
            ))),
        }
    }

    fn positions(&self, spec: &ParameterSpec) -> Result<ParameterOrigin> {
        let Some(rule) = self.rules.positions else { return Ok(ParameterOrigin::Start) };
        let Counterpart::Named(name) = self.counterpart(&spec.name) else { return Ok(ParameterOrigin::Start) };
        if !self.names.contains(name.as_str()) {
            return Ok(ParameterOrigin::Start);
        }
        let from = self.source.positions(&name);
        let to = self.target.positions(&spec.name);
        let class_row = match (self.source.class_token(), self.target.class_token()) {
            (_, false) => ClassRow::None,
            (true, true) => ClassRow::Source,
            (false, true) => ClassRow::Start,
        };
        if from == to && self.source.class_token() == self.target.class_token() {
            return self.copied(spec, name);
        }
        let resized = rule.resized(from, to)?;
        Ok(ParameterOrigin::Positions(PositionFit { name, from, resized, to, class_row }))
    }
}
