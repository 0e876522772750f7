//! Weights on a device, uploaded once however many graphs use them.

mod written;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::recording::{share_a_tensor, stackings};
use super::{Device, Graph, Memory, Node, Value};
use crate::gpu::{DeviceId, Pending, Turns};
use crate::tensor::{Element, Error, ErrorKind, Format, Result, Shape, Tensor};
use written::Source;

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

/// What has been uploaded, and its updates.
#[derive(Default)]
struct Held {
    memory: Turns<HashMap<Key, Memory>>,
    bytes: AtomicU64,
    updates: Mutex<Updates>,
    stepping: Mutex<()>,
}

/// Weights of one model on one device: state with a name, shared by all graphs that use it. Cloning shares them.
///
/// A weight is uploaded once in each format that graphs read it in. Where a graph updates it, its rows stay on the device
/// as the master: an update makes the other formats stale, and they are made anew before they are next read.
#[derive(Clone)]
pub struct DeviceWeights {
    device: Device,
    source: Arc<Source>,
    held: Arc<Held>,
}

impl std::fmt::Debug for DeviceWeights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceWeights").field("device", &self.device).finish_non_exhaustive()
    }
}

/// The weights that graphs update. Passes see updates in the order in which they lock this.
#[derive(Default)]
pub(super) struct Updates {
    masters: HashMap<Vec<String>, Master>,
    /// All stacks that graphs read.
    read: HashSet<Vec<String>>,
}

/// A weight that graphs update.
struct Master {
    /// Absent only while a call on the host overwrites them, which holds the lock meanwhile.
    rows: Option<Memory>,
    updates: u64,
    /// How many updates each other format includes; no entry for one that is as it was loaded.
    seen: HashMap<Format, u64>,
    /// The formats whose memory is not filled yet.
    unmade: HashSet<Format>,
}

/// The format in which weights are updated.
const MASTER: Format = Format::rows(Element::F32);

impl DeviceWeights {
    /// Weights of `source`, uploaded to `device` when a graph first needs them.
    pub fn new(device: &Device, source: Arc<dyn Weights>) -> Self {
        Self { device: device.clone(), source: Arc::new(Source::new(source)), held: Arc::default() }
    }

    /// The device they are on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// An error where they are on another device than this one.
    pub(super) fn check(&self, device: DeviceId, name: &str) -> Result<()> {
        match self.device.id() == device {
            true => Ok(()),
            false => Err(Error::usage(format!("the weights belong to another open device than this {name}"))),
        }
    }

    /// Bytes on the device so far.
    pub fn bytes(&self) -> u64 {
        self.held.bytes.load(Ordering::Relaxed)
    }

    /// The tensors called `parts`, stacked to `shape` in `format`; uploaded unless they are there.
    pub(super) async fn memory(&self, parts: &[String], shape: &Shape, format: Format) -> Result<Memory> {
        self.updates().read(parts)?;
        let mut held = self.held.memory.take().await;
        if let Some(rows) = self.updates().rows(parts).filter(|_| format == MASTER) {
            return Ok(rows.clone());
        }
        let key = (parts.to_vec(), format);
        if let Some(memory) = held.get(&key) {
            return Ok(memory.clone());
        }
        let (name, is_updated) = (parts.join(" + "), self.updates().rows(parts).is_some());
        let memory = match self.device.gpu().filter(|_| is_updated) {
            // Made of the master before it is read.
            Some(gpu) => {
                self.updates().unmade(parts, format);
                Memory::empty(gpu, &name, shape, format).await?
            }
            None => self.device.upload(&name, stacked(&*self.source, parts, shape)?, format).await?,
        };
        self.held.bytes.fetch_add(memory.bytes(), Ordering::Relaxed);
        held.insert(key, memory.clone());
        Ok(memory)
    }

    /// The rows of all that `graph` updates, by their values there.
    pub(super) async fn masters(&self, graph: &Graph) -> Result<HashMap<Value, Memory>> {
        let mut masters = HashMap::new();
        for (value, _) in graph.nodes().iter().flat_map(Node::updates) {
            if let Some(parts) = graph.parts(value) {
                masters.insert(value, self.master(parts, graph.shape(value)).await?);
            }
        }
        Ok(masters)
    }

    /// The rows of the tensors called `parts`, of which all other formats are made from now on.
    async fn master(&self, parts: &[String], shape: &Shape) -> Result<Memory> {
        let rows = self.memory(parts, shape, MASTER).await?;
        self.updates().register(parts, rows.clone())?;
        // They have one owner beside the graphs, so that the host may overwrite them in place.
        self.held.memory.take().await.remove(&(parts.to_vec(), MASTER));
        Ok(rows)
    }

    /// The tensor called `name` as it is now: as updates have left it on the device or as it was written, else as the source
    /// has it.
    ///
    /// A pass that is submitted later does not show in it.
    pub fn read<'a>(&'a self, name: &'a str) -> Pending<'a, Tensor> {
        Pending::new(async move {
            let tensor = self.source.tensor(name)?;
            let master = self.updates().holding(name);
            let Some((parts, rows)) = master else { return Ok(tensor) };
            let rows = rows.ok_or_else(|| update_failed(name))?;
            let before = parts.iter().take_while(|part| *part != name);
            let start: usize =
                before.map(|part| Ok(self.source.tensor(part)?.shape().elements())).sum::<Result<_>>()?;
            let stack = self.device.read(&rows).await?;
            let values = stack.as_f32()?.get(start..start + tensor.shape().elements());
            let values = values.ok_or_else(|| Error::usage(format!("{name} is no part of {}", parts.join(" + "))))?;
            Tensor::f32(tensor.shape().clone(), values.to_vec())
        })
    }

    /// The turn of a pass on the host that updates weights, which ends with the result: each sees what the one before has
    /// left, and those that only read see no half of a step.
    pub(super) fn stepping(&self) -> MutexGuard<'_, ()> {
        self.held.stepping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tensors called `parts`, stacked to `shape`, in host memory: as they were before any update.
    pub(super) fn stacked(&self, parts: &[String], shape: &Shape) -> Result<Tensor> {
        self.updates().read(parts)?;
        stacked(&*self.source, parts, shape)
    }

    /// The updates so far. Not to be held across an await.
    pub(super) fn updates(&self) -> MutexGuard<'_, Updates> {
        self.held.updates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Updates {
    /// Whether no graph updates anything.
    #[cfg(feature = "cpu")]
    pub(super) fn is_empty(&self) -> bool {
        self.masters.is_empty()
    }

    /// The rows of the tensors called `parts`, where graphs update them.
    pub(super) fn rows(&self, parts: &[String]) -> Option<&Memory> {
        self.masters.get(parts)?.rows.as_ref()
    }

    /// The stack that graphs update in which the tensor called `name` is, and its rows.
    fn holding(&self, name: &str) -> Option<(Vec<String>, Option<Memory>)> {
        let (parts, master) = self.masters.iter().find(|(parts, _)| parts.iter().any(|part| part == name))?;
        Some((parts.clone(), master.rows.clone()))
    }

    /// The stack in which graphs read the tensor called `name`; an error where there are several: then it cannot be written.
    fn reading(&self, name: &str) -> Result<Option<Vec<String>>> {
        let mut stacks = self.read.iter().filter(|parts| parts.iter().any(|part| part == name));
        match (stacks.next(), stacks.next()) {
            (Some(one), Some(other)) => Err(Error::usage(format!(
                "weights {name} are read as {} and as {}: stack them alike, or write them before graphs are prepared",
                one.join(" + "),
                other.join(" + ")
            ))),
            (stack, _) => Ok(stack.cloned()),
        }
    }

    /// Notes that a graph reads the tensors called `parts`; an error where others update some of them in another stack.
    fn read(&mut self, parts: &[String]) -> Result<()> {
        if let Some(other) = self.masters.keys().find(|other| *other != parts && share_a_tensor(other, parts)) {
            return Err(stackings(parts, other));
        }
        if !self.read.contains(parts) {
            self.read.insert(parts.to_vec());
        }
        Ok(())
    }

    /// Notes that a graph updates the tensors called `parts`; an error where others read some of them in another stack.
    fn register(&mut self, parts: &[String], rows: Memory) -> Result<()> {
        if let Some(other) = self.read.iter().find(|other| *other != parts && share_a_tensor(other, parts)) {
            return Err(stackings(other, parts));
        }
        let master = || Master { rows: Some(rows), updates: 0, seen: HashMap::new(), unmade: HashSet::new() };
        self.masters.entry(parts.to_vec()).or_insert_with(master);
        Ok(())
    }

    /// The rows to remake the tensors called `parts` in `format` from; `None` where they are up to date.
    pub(super) fn newer(&self, parts: &[String], format: Format) -> Option<&Memory> {
        let master = self.masters.get(parts).filter(|_| format != MASTER)?;
        let seen = master.seen.get(&format).copied().unwrap_or(0);
        if seen < master.updates || master.unmade.contains(&format) { master.rows.as_ref() } else { None }
    }

    /// Notes that the memory of the tensors called `parts` in `format` is not filled yet.
    fn unmade(&mut self, parts: &[String], format: Format) {
        if let Some(master) = self.masters.get_mut(parts) {
            master.unmade.insert(format);
        }
    }

    /// Notes that a pass has failed that was to remake formats: none of them can be trusted.
    pub(super) fn distrust(&mut self) {
        for master in self.masters.values_mut() {
            master.unmade.extend(master.seen.drain().map(|(format, _)| format));
        }
    }

    /// Notes that the tensors called `parts` in `format` are remade from their present rows.
    pub(super) fn remade(&mut self, parts: &[String], format: Format) {
        if let Some(master) = self.masters.get_mut(parts) {
            master.seen.insert(format, master.updates);
            master.unmade.remove(&format);
        }
    }

    /// Notes an update in place of the rows of the tensors called `parts`.
    pub(super) fn update(&mut self, parts: &[String]) {
        if let Some(master) = self.masters.get_mut(parts) {
            master.updates += 1;
        }
    }

    /// Takes the rows of the tensors called `parts` to overwrite them: [`replace`](Self::replace) gives them back.
    #[cfg(feature = "cpu")]
    pub(super) fn take(&mut self, parts: &[String]) -> Option<Memory> {
        self.masters.get_mut(parts)?.rows.take()
    }

    /// Replaces the rows of the tensors called `parts` by their update.
    pub(super) fn replace(&mut self, parts: &[String], rows: Memory) {
        self.update(parts);
        if let Some(master) = self.masters.get_mut(parts) {
            master.rows = Some(rows);
        }
    }
}

fn update_failed(name: &str) -> Error {
    Error::new(ErrorKind::Device, format!("an update of {name} has failed"))
}
