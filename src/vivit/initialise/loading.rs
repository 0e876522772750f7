//! Position tables fitted to clips of another size or length than a model was trained on.

use std::sync::Arc;

use super::{PositionTable, described};
use crate::graph::Weights;
use crate::tensor::{Error, Result, Shape, Tensor};
use crate::vivit::{Config, Parameters};

/// A model's parameters, and what was done to them.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The parameters of the model on its new clips.
    pub parameters: Arc<dyn Parameters>,
    /// What its user should know, a sentence each; none where nothing changed.
    pub notes: Vec<String>,
}

/// The parameters of a model of shape `from`, its position tables resized for the clips of `to`.
///
/// Each temporal index is resized by itself over rows and columns, and time by itself where the number of temporal
/// indices changes, linearly with the corners aligned; never across time and space. Rows of class tokens stay as they
/// are. In Model 2 this concerns both tables. Tables are resized when they are asked for.
///
/// # Errors
///
/// Configurations that differ in more than the size and number of frames.
pub fn fit_positions(parameters: Arc<dyn Parameters>, from: &Config, to: &Config) -> Result<Fitted> {
    to.validate()?;
    let otherwise = Config {
        frames: to.frames,
        rows: to.rows,
        columns: to.columns,
        frame_sampling: from.frame_sampling.and(to.frame_sampling),
        ..from.clone()
    };
    if otherwise != *to {
        return Err(Error::usage(format!(
            "positions can be fitted to other sizes and numbers of frames only, but the model differs otherwise: it is \
             a {from}, not a {to}"
        )));
    }
    if from.grid() == to.grid() {
        return Ok(Fitted { parameters, notes: Vec::new() });
    }
    let notes = vec![format!(
        "positions are interpolated from {} to {}, for clips of {}×{}×{} where the model was trained on {}×{}×{}",
        described(from.grid()),
        described(to.grid()),
        to.frames,
        to.rows,
        to.columns,
        from.frames,
        from.rows,
        from.columns
    )];
    let parameters = Arc::new(Resized { parameters, from: from.clone(), to: to.clone() });
    Ok(Fitted { parameters, notes })
}

#[derive(Debug)]
struct Resized {
    parameters: Arc<dyn Parameters>,
    from: Config,
    to: Config,
}

impl Parameters for Resized {
    fn names(&self) -> Vec<&str> {
        self.parameters.names()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        let shape = self.parameters.shape(name)?;
        if !is_table(name) {
            return Ok(shape);
        }
        let [from, to] = [&self.from, &self.to].map(|config| config.positions(name).tokens());
        Ok([1, shape.rows() - from + to, shape.last()].into())
    }
}

impl Weights for Resized {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        let tensor = self.parameters.tensor(name)?;
        if !is_table(name) {
            return Ok(tensor);
        }
        let [from, to] = [&self.from, &self.to].map(|config| config.positions(name));
        PositionTable::new(tensor, from)?.resized(to).into_table()
    }
}

fn is_table(name: &str) -> bool {
    name.ends_with(".pos_embedding")
}
