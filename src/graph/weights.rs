//! Weights on a device, uploaded once however many graphs use them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::recording::{share_a_tensor, stackings};
use super::{Device, Graph, Memory, Node, Value};
use crate::tensor::{Element, Format, Result, Shape, Tensor};

/// Named tensors: a checkpoint, or random ones.
pub trait Weights: Send + Sync {
    /// The tensor called `name`, as floats.
    fn tensor(&self, name: &str) -> Result<Tensor>;
}

/// The tensors called `parts`, stacked along their first axis into `shape`.
fn stacked(weights: &dyn Weights, parts: &[String], shape: &Shape) -> Result<Tensor> {
    let tensor = match parts {
        [single] => weights.tensor(single)?.reshaped(shape.clone()),
        _ => {
            let mut values = Vec::with_capacity(shape.elements());
            for part in parts {
                values.extend_from_slice(weights.tensor(part)?.as_f32()?);
            }
            Tensor::f32(shape.clone(), values)
        }
    };
    tensor.map_err(|error| error.within(format!("weights {}", parts.join(" + "))))
}

/// Weights of one model on one device: state with a name, shared by all graphs that use it. Cloning shares them.
///
/// A weight is uploaded once in each format that graphs read it in. Where a graph updates it, its rows stay on the device
/// as the master: an update makes the other formats stale, and they are made anew before they are next read.
#[derive(Clone)]
pub struct DeviceWeights {
    device: Device,
    source: Arc<dyn Weights>,
    held: Arc<Mutex<HashMap<Vec<String>, Weight>>>,
}

/// One weight on the device: tensors of these names, stacked.
#[derive(Default)]
struct Weight {
    /// How often it has been updated.
    updates: u64,
    /// Whether graphs update it.
    is_updated: bool,
    forms: HashMap<Format, Form>,
}

/// A weight in one format.
struct Form {
    memory: Memory,
    /// The updates that it has seen.
    updates: u64,
}

/// The format in which weights are updated.
const MASTER: Format = Format::rows(Element::F32);

/// The rows of a weight of which another format is stale.
pub(super) struct Newer {
    pub(super) rows: Memory,
    /// The updates that they have seen.
    pub(super) updates: u64,
}

impl DeviceWeights {
    /// Weights of `source`, uploaded to `device` when a graph first needs them.
    pub fn new(device: &Device, source: Arc<dyn Weights>) -> Self {
        Self { device: device.clone(), source, held: Arc::default() }
    }

    /// The device they are on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Bytes on the device so far.
    pub fn bytes(&self) -> u64 {
        self.held().values().flat_map(|weight| weight.forms.values()).map(|form| form.memory.bytes()).sum()
    }

    /// How often weights have been updated, all together.
    pub fn updates(&self) -> u64 {
        self.held().values().map(|weight| weight.updates).sum()
    }

    /// The tensors called `parts`, stacked to `shape` in `format`; uploaded unless they are there.
    pub(super) fn memory(&self, parts: &[String], shape: &Shape, format: Format) -> Result<Memory> {
        let mut held = self.held();
        check_stacking(&held, parts)?;
        let weight = held.entry(parts.to_vec()).or_default();
        if let Some(form) = weight.forms.get(&format) {
            return Ok(form.memory.clone());
        }
        let name = parts.join(" + ");
        let memory = match (weight.updates, self.device.gpu()) {
            // Made of the master before it is read.
            (1.., Some(gpu)) => Memory::empty(gpu, &name, shape, format)?,
            _ => self.device.upload(&name, stacked(&*self.source, parts, shape)?, format)?,
        };
        weight.forms.insert(format, Form { memory: memory.clone(), updates: 0 });
        Ok(memory)
    }

    /// The rows of the tensors called `parts`, stacked to `shape`, for a graph that updates them.
    pub(super) fn master(&self, parts: &[String], shape: &Shape) -> Result<Memory> {
        let mut read = self.held().keys().filter(|other| other.as_slice() != parts).cloned().collect::<Vec<_>>();
        read.retain(|other| share_a_tensor(other, parts));
        if let Some(other) = read.first() {
            return Err(stackings(other, parts));
        }
        let memory = self.memory(parts, shape, MASTER)?;
        self.held().entry(parts.to_vec()).or_default().is_updated = true;
        Ok(memory)
    }

    /// The rows of all that `graph` updates, by their values there.
    pub(super) fn masters(&self, graph: &Graph) -> Result<HashMap<Value, Memory>> {
        let replaced = graph.nodes().iter().flat_map(Node::updates).map(|(old, _)| old);
        let weights = replaced.filter_map(|value| Some((value, graph.parts(value)?)));
        weights.map(|(value, parts)| Ok((value, self.master(parts, graph.shape(value))?))).collect()
    }

    /// The rows of the tensors called `parts` where graphs update them.
    pub(super) fn updated(&self, parts: &[String]) -> Option<Memory> {
        let held = self.held();
        let weight = held.get(parts).filter(|weight| weight.is_updated)?;
        weight.forms.get(&MASTER).map(|form| form.memory.clone())
    }

    /// What the tensors called `parts` in `format` have to be made of anew; `None` where they are as new as their rows.
    pub(super) fn newer(&self, parts: &[String], format: Format) -> Option<Newer> {
        let held = self.held();
        let weight = held.get(parts)?;
        let stale = format != MASTER && weight.forms.get(&format)?.updates < weight.updates;
        let rows = weight.forms.get(&MASTER).filter(|_| stale)?.memory.clone();
        Some(Newer { rows, updates: weight.updates })
    }

    /// That the tensors called `parts` in `format` have seen so many updates.
    pub(super) fn remade(&self, parts: &[String], format: Format, updates: u64) {
        if let Some(form) = self.held().get_mut(parts).and_then(|weight| weight.forms.get_mut(&format)) {
            form.updates = updates;
        }
    }

    /// That the rows of the tensors called `parts` have been updated where they are.
    pub(super) fn update(&self, parts: &[String]) {
        if let Some(weight) = self.held().get_mut(parts) {
            weight.updates += 1;
        }
    }

    /// Puts what an update has made of the tensors called `parts` in the place of their rows.
    pub(super) fn replace(&self, parts: &[String], rows: Memory) {
        let mut held = self.held();
        let weight = held.entry(parts.to_vec()).or_default();
        weight.updates += 1;
        weight.forms.insert(MASTER, Form { memory: rows, updates: weight.updates });
    }

    /// The tensors called `parts`, stacked to `shape`, in host memory: as they were before any update.
    pub(super) fn stacked(&self, parts: &[String], shape: &Shape) -> Result<Tensor> {
        check_stacking(&self.held(), parts)?;
        stacked(&*self.source, parts, shape)
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Vec<String>, Weight>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error where graphs update tensors of `parts` in another stack.
fn check_stacking(held: &HashMap<Vec<String>, Weight>, parts: &[String]) -> Result<()> {
    let stacked_otherwise = |(other, weight): &(&Vec<String>, &Weight)| {
        weight.is_updated && other.as_slice() != parts && share_a_tensor(other, parts)
    };
    match held.iter().find(stacked_otherwise) {
        None => Ok(()),
        Some((other, _)) => Err(stackings(parts, other)),
    }
}
