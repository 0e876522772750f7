//! Where a pass leaves its values: in host memory or on the device.

use std::collections::BTreeMap;

use crate::gpu::Pending;
use crate::graph::{Device, Executor, Feeds, Memory, Value};
use crate::tensor::{Error, Result, Shape, Tensor};

/// A value of a pass: a [`Tensor`] in host memory, or [`Memory`] of the device.
pub(super) trait Outcome: Send + Sync + Sized {
    /// Runs a pass and returns the `wanted` values.
    fn of_pass<'a>(executor: &'a dyn Executor, feeds: &'a Feeds<'a>, wanted: &'a [Value]) -> Pending<'a, Vec<Self>>;

    /// Concatenates the parts of a batch to one value of `shape`.
    fn joined<'a>(device: &'a Device, parts: &'a [Self], shape: &'a Shape) -> Pending<'a, Self>;

    /// An error where the value called `name` cannot be so large.
    fn check_bytes(device: &Device, name: &str, bytes: u64) -> Result<()>;
}

/// Values by their names.
pub(super) type Named<T> = BTreeMap<String, T>;

impl Outcome for Tensor {
    fn of_pass<'a>(executor: &'a dyn Executor, feeds: &'a Feeds<'a>, wanted: &'a [Value]) -> Pending<'a, Vec<Self>> {
        executor.run(feeds, wanted)
    }

    fn joined<'a>(_: &'a Device, parts: &'a [Self], shape: &'a Shape) -> Pending<'a, Self> {
        Pending::ready(Self::joined(&parts.iter().collect::<Vec<_>>(), shape))
    }

    fn check_bytes(_: &Device, _: &str, _: u64) -> Result<()> {
        Ok(())
    }
}

impl Outcome for Memory {
    fn of_pass<'a>(executor: &'a dyn Executor, feeds: &'a Feeds<'a>, wanted: &'a [Value]) -> Pending<'a, Vec<Self>> {
        executor.compute(feeds, wanted)
    }

    fn joined<'a>(device: &'a Device, parts: &'a [Self], shape: &'a Shape) -> Pending<'a, Self> {
        device.join(parts, shape)
    }

    fn check_bytes(device: &Device, name: &str, bytes: u64) -> Result<()> {
        let most = device.largest_value();
        if bytes <= most {
            return Ok(());
        }
        Err(Error::unsupported(format!(
            "{name} of all these clips takes {bytes} bytes, and a buffer of {} holds {most}: give it fewer clips at a time",
            device.name()
        )))
    }
}
