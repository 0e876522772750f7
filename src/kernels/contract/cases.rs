//! The shapes a kernel is tested, checked and timed with, and how its inputs are filled.

use std::hash::{DefaultHasher, Hash, Hasher};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::gpu::{Capabilities, Limits};
use crate::kernels::contract::{Call, Kernel};
use crate::kernels::shader::{Plan, Precision, Unfit, Variant, WorkgroupTile};
use crate::tensor::{Allowance, Element, Error, Exact, Result, Shape, Tensor, Tolerance};

/// One call of a kernel with its inputs and what counts as right.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Case {
    /// What it tests, unique within the family.
    pub name: String,
    /// The call.
    pub call: Call,
    /// How each present input is filled, in binding order.
    pub inputs: Vec<Fill>,
    /// What the result may differ by from the reference at most, whatever the kernel's bound says of this call.
    pub tolerance: Tolerance,
    /// Whether it is compared with the reference: all cases are, except those that are
    /// [`timed_only`](Case::timed_only).
    pub checked: bool,
    /// Whether it is timed: the sizes of a real model.
    pub timed: bool,
    /// A smaller limit on bindings, in bytes, so that the call must be cut into pieces.
    pub binding_bytes: Option<u64>,
    /// A smaller limit on workgroups along a dimension, so that they must be folded into two.
    pub workgroups: Option<u32>,
    /// How precisely it computes.
    pub precision: Precision,
    /// The element in which its outputs are left in memory, where the variant can do so.
    pub outputs: Element,
    /// The tile at whose edges it lies; `None` for cases of the kernel as such.
    pub tile: Option<WorkgroupTile>,
}

/// How a case fills an input.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fill {
    /// Uniform between −bound and bound.
    Spread(f32),
    /// Uniform between the two bounds.
    Between(f32, f32),
    /// The same value everywhere.
    Constant(f32),
    /// Random words below this; any words for 0.
    Words(u32),
    /// These elements.
    Given(Tensor),
    /// Elements that could not be made, for this reason: the case fails.
    Unmade(Error),
}

impl Case {
    /// A case whose inputs are uniform in [−1, 1], held to its kernel's bound and to [`Tolerance::KERNEL`].
    pub fn new<K: Kernel>(name: impl Into<String>, kernel: K) -> Self {
        Self::of_call(name, std::sync::Arc::new(kernel))
    }

    /// The same of a call of any kernel.
    pub(crate) fn of_call(name: impl Into<String>, call: Call) -> Self {
        let present = call.operands();
        let inputs = call.family().bindings.iter().zip(&present);
        let inputs = inputs
            .filter(|(binding, shape)| binding.access.reads() && shape.is_some())
            .map(|(binding, _)| match binding.element {
                Element::U32 => Fill::Words(0),
                Element::F32 | Element::F16 => Fill::Spread(1.0),
            })
            .collect();
        Self {
            name: name.into(),
            call,
            inputs,
            tolerance: Tolerance::KERNEL,
            checked: true,
            timed: false,
            binding_bytes: None,
            workgroups: None,
            precision: Precision::F32,
            outputs: Element::F32,
            tile: None,
        }
    }

    /// With another fill of input number `index` (of those present).
    #[must_use]
    pub fn fill(mut self, index: usize, fill: Fill) -> Self {
        self.inputs[index] = fill;
        self
    }

    /// With these elements in input number `index` (of those present). Where they could not be made, the case fails.
    #[must_use]
    pub fn given(self, index: usize, elements: Result<Tensor>) -> Self {
        self.fill(index, elements.map_or_else(Fill::Unmade, Fill::Given))
    }

    /// Held to its kernel's bound and to another tolerance.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Timed as well as checked.
    #[must_use]
    pub fn timed(mut self) -> Self {
        self.timed = true;
        self
    }

    /// Timed and not checked: the whole of a real model, where the naive reference takes too long.
    ///
    /// What is timed is checked too, at other sizes: the family's checked cases, each with some dimension reduced,
    /// together run every WGSL text that this case runs, with the same literals. A test holds every family to that.
    #[must_use]
    pub fn timed_only(mut self) -> Self {
        self.checked = false;
        self.timed()
    }

    /// With bindings of at most `bytes`.
    #[must_use]
    pub fn binding_bytes(mut self, bytes: u64) -> Self {
        self.binding_bytes = Some(bytes);
        self
    }

    /// With at most `workgroups` along a dimension.
    #[must_use]
    pub fn workgroups(mut self, workgroups: u32) -> Self {
        self.workgroups = Some(workgroups);
        self
    }

    /// At this precision.
    #[must_use]
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// With outputs left in memory as f16, where the variant can do so.
    #[must_use]
    pub fn leaving_halves(mut self) -> Self {
        self.outputs = Element::F16;
        self
    }

    /// At the edges of `tile`: run by the variants that have it, and by no others.
    #[must_use]
    pub fn at_edges_of(self, tile: WorkgroupTile) -> Self {
        Self { tile: Some(tile), ..self }
    }

    /// The variants that are held to it: those that compute at its precision, and have the tile at whose edges it lies.
    ///
    /// What a tile has of its own shows at its edges; what all tiles of a shader share is held to the other cases by the
    /// variant that chooses among them.
    pub fn variants(&self) -> Vec<&'static Variant> {
        let mut variants = self.call.family().variants_at(self.precision);
        variants.retain(|variant| variant.tile == self.tile);
        variants
    }

    /// `device` with the smaller limits of this case.
    #[must_use]
    pub fn device(&self, device: &Capabilities) -> Capabilities {
        let limits = &device.limits;
        let limits = Limits {
            binding_bytes: self.binding_bytes.unwrap_or(limits.binding_bytes),
            workgroups: self.workgroups.unwrap_or(limits.workgroups),
            ..limits.clone()
        };
        Capabilities { limits, ..device.clone() }
    }

    /// How `variant` computes it on `device`.
    pub fn plan(&self, variant: &'static Variant, device: &Capabilities) -> Result<Plan, Unfit> {
        self.call.plan_leaving(self.outputs, variant, &self.device(device), self.precision)
    }

    /// The inputs, one for each binding that reads, `None` where absent; the same on every run.
    pub fn tensors(&self) -> Result<Vec<Option<Tensor>>> {
        let mut fills = self.inputs.iter();
        let bindings = self.call.family().bindings;
        let operands = self.call.operands().into_iter().enumerate();
        operands
            .filter(|(index, _)| bindings[*index].access.reads())
            .map(|(index, shape)| match shape {
                None => Ok(None),
                Some(shape) => {
                    let fill = fills.next().cloned().unwrap_or(Fill::Spread(1.0));
                    fill.tensor(shape, self.seed(index)).map(Some)
                }
            })
            .collect()
    }

    /// `tensors`, each rounded to the floats in which the call reads it.
    pub fn stored(&self, tensors: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> {
        let read = self.call.family().bindings.iter().filter(|binding| binding.access.reads());
        let stored = read.zip(tensors).map(|(binding, tensor)| match (tensor, binding.stored(self.precision)) {
            (Some(tensor), stored) if stored != binding.element => tensor.rounded_to(stored).map(Some),
            (tensor, _) => Ok(tensor.clone()),
        });
        stored.collect()
    }

    /// What each output may differ by from `expected`, the reference for its inputs as they are stored: its kernel's
    /// bound, and no more than its tolerance.
    pub fn allowances(&self, expected: &[Tensor]) -> Result<Vec<Allowance>> {
        if self.call.bound().is_none() {
            return Ok(vec![Allowance::from(self.tolerance); expected.len()]);
        }
        let inputs: Vec<_> =
            self.stored(&self.tensors()?)?.iter().map(|input| input.as_ref().map(Exact::from)).collect();
        let outputs: Vec<_> = expected.iter().map(Exact::from).collect();
        let uncertainties =
            self.call.uncertainties(&inputs.iter().map(Option::as_ref).collect::<Vec<_>>(), &outputs)?;
        let uncertainties = uncertainties.unwrap_or_default();
        uncertainties.iter().zip(expected).map(|(known, expected)| known.allowance(expected, self.tolerance)).collect()
    }

    /// The seed of the random numbers of binding `index`.
    fn seed(&self, index: usize) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.call.family().name, &self.name, index).hash(&mut hasher);
        hasher.finish()
    }
}

impl Fill {
    fn tensor(self, shape: Shape, seed: u64) -> Result<Tensor> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let elements = shape.elements();
        match self {
            Self::Spread(bound) => Tensor::f32(shape, uniform(&mut random, elements, -bound, bound)),
            Self::Between(low, high) => Tensor::f32(shape, uniform(&mut random, elements, low, high)),
            Self::Constant(value) => Tensor::f32(shape, vec![value; elements]),
            Self::Words(0) => Tensor::u32(shape, (0..elements).map(|_| random.random()).collect()),
            Self::Words(below) => Tensor::u32(shape, (0..elements).map(|_| random.random_range(0..below)).collect()),
            Self::Given(tensor) => tensor.reshaped(shape),
            Self::Unmade(error) => Err(error),
        }
    }
}

fn uniform(random: &mut ChaCha8Rng, elements: usize, low: f32, high: f32) -> Vec<f32> {
    (0..elements).map(|_| low + (high - low) * random.random::<f32>()).collect()
}
