//! Weights on a device, uploaded once however many graphs use them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::gpu::{Buffer, Device};
use crate::kernels::Layout;
use crate::tensor::{Data, Error, Result, Shape, Tensor};

/// Named tensors: a checkpoint, or random ones.
pub trait Weights: Send + Sync {
    /// The tensor called `name`, as floats.
    fn tensor(&self, name: &str) -> Result<Tensor>;
}

/// The tensors called `parts`, stacked along their first axis into `shape`.
pub(super) fn stacked(weights: &dyn Weights, parts: &[String], shape: &Shape) -> Result<Tensor> {
    let tensor = match parts {
        [single] => weights.tensor(single)?.reshaped(shape.clone()),
        _ => {
            let mut values = Vec::with_capacity(shape.elements());
            for part in parts {
                match weights.tensor(part)?.into_data() {
                    Data::F32(part) => values.extend(part),
                    Data::U32(_) => return Err(Error::usage(format!("weights {part} are words, not floats"))),
                }
            }
            Tensor::f32(shape.clone(), values)
        }
    };
    tensor.map_err(|error| error.within(format!("weights {}", parts.join(" + "))))
}

/// Which tensors, and how they are laid out.
type Key = (Vec<String>, Layout);

/// Weights of one model on one device. Cloning shares them.
#[derive(Clone)]
pub struct DeviceWeights {
    device: Device,
    source: Arc<dyn Weights>,
    buffers: Arc<Mutex<HashMap<Key, Buffer>>>,
}

impl DeviceWeights {
    /// Weights of `source`, uploaded to `device` when a graph first needs them.
    pub fn new(device: &Device, source: Arc<dyn Weights>) -> Self {
        Self { device: device.clone(), source, buffers: Arc::default() }
    }

    /// The device they are on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Bytes on the device so far.
    pub fn bytes(&self) -> u64 {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).values().map(Buffer::bytes).sum()
    }

    /// The tensors called `parts`, stacked to `shape` and laid out; uploaded unless they are there.
    pub(super) fn buffer(&self, parts: &[String], shape: &Shape, layout: Layout) -> Result<Buffer> {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (parts.to_vec(), layout);
        if let Some(buffer) = buffers.get(&key) {
            return Ok(buffer.clone());
        }
        let tensor = stacked(&*self.source, parts, shape)?;
        let buffer = upload(&self.device, &parts.join(" + "), &tensor, layout)?;
        buffers.insert(key, buffer.clone());
        Ok(buffer)
    }
}

/// `tensor` on `device`, in this layout.
pub(super) fn upload(device: &Device, name: &str, tensor: &Tensor, layout: Layout) -> Result<Buffer> {
    device.buffer_with(name, &layout.lay_out(tensor)?)
}
