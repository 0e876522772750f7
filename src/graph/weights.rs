//! Weights on a device, uploaded once however many graphs use them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Device, Memory};
use crate::gpu::Turns;
use crate::tensor::{Format, Result, Shape, Tensor};

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

/// Which tensors, and in which format.
type Key = (Vec<String>, Format);

/// What has been uploaded.
#[derive(Default)]
struct Held {
    memory: Turns<HashMap<Key, Memory>>,
    bytes: AtomicU64,
}

/// Weights of one model on one device. Cloning shares them.
#[derive(Clone)]
pub struct DeviceWeights {
    device: Device,
    source: Arc<dyn Weights>,
    held: Arc<Held>,
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
        self.held.bytes.load(Ordering::Relaxed)
    }

    /// The tensors called `parts`, stacked to `shape` in `format`; uploaded unless they are there.
    pub(super) async fn memory(&self, parts: &[String], shape: &Shape, format: Format) -> Result<Memory> {
        let mut held = self.held.memory.take().await;
        let key = (parts.to_vec(), format);
        if let Some(memory) = held.get(&key) {
            return Ok(memory.clone());
        }
        let memory = self.device.upload(&parts.join(" + "), self.stacked(parts, shape)?, format).await?;
        self.held.bytes.fetch_add(memory.bytes(), Ordering::Relaxed);
        held.insert(key, memory.clone());
        Ok(memory)
    }

    /// The tensors called `parts`, stacked to `shape`, in host memory.
    pub(super) fn stacked(&self, parts: &[String], shape: &Shape) -> Result<Tensor> {
        stacked(&*self.source, parts, shape)
    }
}
