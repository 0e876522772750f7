//! What a trainer's weights begin with.

use std::sync::Arc;

use crate::graph::Weights;
use crate::tensor::{Result, Shape, Tensor};
use crate::train::WithState;
use crate::train::optimiser::is_mean;
use crate::vivit::Parameters;

/// A model's parameters, beside which the state of an optimiser is found.
#[derive(Debug)]
pub(super) struct Learning {
    parameters: Arc<dyn Parameters>,
    begun: WithState,
    /// With what an earlier training has left.
    resumed: Option<WithState>,
}

impl Learning {
    /// With the state that an earlier training has left; without it all is 0.
    pub(super) fn new(parameters: Arc<dyn Parameters>, earlier: Option<Arc<dyn Weights>>) -> Self {
        let weights: Arc<dyn Weights> = parameters.clone();
        let resumed = earlier.map(|earlier| WithState::resumed(weights.clone(), earlier));
        Self { parameters, begun: WithState::zeros(weights), resumed }
    }
}

impl Weights for Learning {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        match self.resumed.as_ref().filter(|_| !is_mean(name)) {
            Some(resumed) => resumed.tensor(name),
            None => self.begun.tensor(name),
        }
    }
}

impl Parameters for Learning {
    fn names(&self) -> Vec<&str> {
        self.parameters.names()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        self.parameters.shape(name)
    }

    fn as_stored(&self, name: &str, tensor: Tensor) -> Result<(String, Tensor)> {
        self.parameters.as_stored(name, tensor)
    }
}
