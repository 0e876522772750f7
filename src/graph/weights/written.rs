//! Weights that are written from outside, such as those that another trainer has made.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{DeviceWeights, Weights, update_failed};
use crate::gpu::Pending;
use crate::tensor::{Element, Error, Result, Tensor};

/// Named tensors, of which some were written before any graph has read them.
pub(super) struct Source {
    begun: Arc<dyn Weights>,
    written: Mutex<HashMap<String, Tensor>>,
}

impl Source {
    pub(super) fn new(begun: Arc<dyn Weights>) -> Self {
        Self { begun, written: Mutex::default() }
    }

    fn written(&self) -> MutexGuard<'_, HashMap<String, Tensor>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Weights for Source {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        let written = self.written().get(name).cloned();
        written.map_or_else(|| self.begun.tensor(name), Ok)
    }
}

/// Where a tensor is written: into the rows of a stack on the device.
struct Place<'a> {
    name: &'a str,
    tensor: &'a Tensor,
    parts: Vec<String>,
    /// The element of the stack that it begins with.
    start: usize,
}

impl DeviceWeights {
    /// Writes tensors of f32, given with their names, in the shapes that these weights have. Passes that begin later see all of
    /// them, in every format, and earlier ones none.
    ///
    /// From then on the rows of a weight that graphs read stay on the device beside its other formats. A weight that no graph
    /// reads yet stays in host memory until one does.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tubelet::graph::{DeviceWeights, Weights};
    /// # use tubelet::tensor::{Element, Result, Tensor};
    /// # struct Zeros;
    /// # impl Weights for Zeros {
    /// #     fn tensor(&self, _: &str) -> Result<Tensor> {
    /// #         Ok(Tensor::zeros([3], Element::F32))
    /// #     }
    /// # }
    /// let weights = DeviceWeights::new(&tubelet::Device::references(), Arc::new(Zeros));
    /// let bias = Tensor::f32([3], vec![1.0, 2.0, 3.0])?;
    /// weights.write(&[("bias", &bias)]).wait()?;
    /// assert_eq!(weights.read("bias").wait()?, bias);
    /// # Ok::<(), tubelet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A name that there is not, or that is given twice; another shape or another type of elements than the weight's; a weight
    /// that graphs read in several stacks. Nothing is written then.
    pub fn write<'a>(&'a self, tensors: &'a [(&'a str, &'a Tensor)]) -> Pending<'a, ()> {
        Pending::new(async move {
            self.check_written(tensors)?;
            let mut places = Vec::new();
            for (name, tensor) in tensors {
                places.extend(self.place(name, tensor).await?);
            }
            for writing in self.overwrite(&places)? {
                writing.await?;
            }
            Ok(())
        })
    }

    /// An error where one of these tensors cannot be written.
    fn check_written(&self, tensors: &[(&str, &Tensor)]) -> Result<()> {
        let mut names = HashSet::new();
        for (name, tensor) in tensors {
            if !names.insert(*name) {
                return Err(Error::usage(format!("weights {name} are given twice")));
            }
            let known = self.source.tensor(name).map_err(|error| error.within(format!("writing weights {name}")))?;
            let (wanted, given) = (known.shape(), tensor.shape());
            if wanted != given {
                return Err(Error::usage(format!("weights {name} have shape {wanted}, but {given} is given")));
            }
            if tensor.element() != Element::F32 {
                let element = tensor.element();
                return Err(Error::usage(format!("weights {name} are of {}, but {element} is given", Element::F32)));
            }
            self.updates().reading(name)?;
        }
        Ok(())
    }

    /// Where a tensor is to be written on the device; `None` where no graph reads it yet, and it is written to host memory.
    async fn place<'a>(&self, name: &'a str, tensor: &'a Tensor) -> Result<Option<Place<'a>>> {
        if self.updates().holding(name).is_none() {
            // Before it is asked whether a graph reads it: one that is prepared meanwhile then finds it.
            self.source.written().insert(name.to_owned(), tensor.clone());
        }
        let Some(parts) = self.updates().reading(name)? else { return Ok(None) };
        let (mut start, mut elements) = (0, 0);
        for part in &parts {
            if part == name {
                start = elements;
            }
            elements += self.source.tensor(part)?.shape().elements();
        }
        self.master(&parts, &[elements].into()).await?;
        Ok(Some(Place { name, tensor, parts, start }))
    }

    /// Begins to overwrite rows on the device, all in one turn between passes.
    fn overwrite(&self, places: &[Place<'_>]) -> Result<Vec<Pending<'static, ()>>> {
        let _stepping = self.stepping();
        let mut updates = self.updates();
        let mut begun = Vec::new();
        for Place { name, tensor, parts, start } in places {
            let rows = updates.rows(parts).cloned().ok_or_else(|| update_failed(name))?;
            match self.device.gpu() {
                Some(gpu) => {
                    begun.push(gpu.write(rows.buffer()?, Element::F32.bytes_of(*start), tensor.as_bytes()));
                    updates.update(parts);
                }
                None => updates.replace(parts, rows.overwritten(*start, tensor.as_f32()?)?),
            }
            self.source.written().remove(*name);
        }
        Ok(begun)
    }
}
