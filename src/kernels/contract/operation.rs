//! What a kernel declares. Everything else (tests, checks, benches, the device support matrix) is derived from it.

use std::fmt::Debug;
use std::sync::Arc;

use serde::Serialize;

use crate::gpu::{Capabilities, Slot};
use crate::kernels::contract::Case;
use crate::kernels::shader::{Class, Launch, Packing, Variant};
use crate::tensor::{Element, Error, Result, Shape, Tensor};

/// A kernel family: one formula, its bindings, and the WGSL variants that compute it.
///
/// `@binding(0)` of every kernel is `var<uniform> parameters: Parameters`; [`Family::bindings`] follow from 1 on.
#[derive(Debug)]
pub struct Family {
    /// The noun, also the name of its WGSL files and its folder.
    pub name: &'static str,
    /// The formula in one line.
    pub formula: &'static str,
    /// What Rust believes of the WGSL struct `Parameters`.
    pub parameters: &'static [Field],
    /// What is bound after the parameters, in order.
    pub bindings: &'static [Binding],
    /// The ways to compute it, the preferred first within each device class.
    pub variants: &'static [Variant],
    /// The shapes it is tested, checked and timed with.
    pub cases: fn() -> Vec<Case>,
}

/// A member of a kernel's parameter struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, in Rust and in WGSL.
    pub name: &'static str,
    /// Its place in bytes.
    pub offset: usize,
    /// `u32`, `i32` or `f32`.
    pub scalar: &'static str,
}

/// One storage binding of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Its name in WGSL.
    pub name: &'static str,
    /// Read or written.
    pub access: Access,
    /// The type of its elements.
    pub element: Element,
    /// Its shape in the project's letters.
    pub shape: &'static str,
}

/// Whether a kernel reads or writes a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// An input.
    Read,
    /// An output; every element is written.
    Write,
}

impl Binding {
    /// An input of floats.
    pub const fn read(name: &'static str, shape: &'static str) -> Self {
        Self { name, access: Access::Read, element: Element::F32, shape }
    }

    /// An input of words.
    pub const fn read_words(name: &'static str, shape: &'static str) -> Self {
        Self { name, access: Access::Read, element: Element::U32, shape }
    }

    /// An output of floats.
    pub const fn write(name: &'static str, shape: &'static str) -> Self {
        Self { name, access: Access::Write, element: Element::F32, shape }
    }

    /// An output of words.
    pub const fn write_words(name: &'static str, shape: &'static str) -> Self {
        Self { name, access: Access::Write, element: Element::U32, shape }
    }
}

impl Family {
    /// The variant to use on `device`: of those it can run, the first written for its class, else the first for any.
    pub fn variant_for(&self, device: &Capabilities) -> Result<&'static Variant>
    where
        Self: 'static,
    {
        let class = if device.is_software() { Class::Software } else { Class::Gpu };
        let rank = |variant: &Variant| match variant.class {
            own if own == class => 0,
            Class::Any => 1,
            _ => 2,
        };
        let runnable = self.variants.iter().filter(|variant| variant.missing(device).is_none());
        runnable.min_by_key(|variant| rank(variant)).ok_or_else(|| {
            Error::unsupported(format!("kernel {}: {} can run none of its variants", self.name, device.name))
        })
    }

    /// The variant of this name, an error where there is none or `device` lacks what it needs.
    pub fn variant_named(&self, name: &str, device: &Capabilities) -> Result<&'static Variant>
    where
        Self: 'static,
    {
        let variant = self.variants.iter().find(|variant| variant.name == name).ok_or_else(|| {
            let names: Vec<_> = self.variants.iter().map(|variant| variant.name).collect();
            Error::usage(format!("kernel {} has no variant {name:?}; it has {}", self.name, names.join(", ")))
        })?;
        match variant.missing(device) {
            None => Ok(variant),
            Some(missing) => Err(Error::unsupported(format!(
                "kernel {}, variant {name}: {} lacks {missing}",
                self.name, device.name
            ))),
        }
    }

    /// The kinds of all bindings, parameters first.
    pub fn slots(&self) -> Vec<Slot> {
        let storage = self.bindings.iter().map(|binding| match binding.access {
            Access::Read => Slot::Read,
            Access::Write => Slot::Write,
        });
        std::iter::once(Slot::Parameters).chain(storage).collect()
    }
}

/// One call of a kernel family, with its sizes and switches: plain data, no device.
pub trait Kernel: Debug + Send + Sync {
    /// The family it belongs to.
    fn family(&self) -> &'static Family;

    /// The shape of each binding's operand; `None` where this call leaves an optional input out.
    fn operands(&self) -> Vec<Option<Shape>>;

    /// An error where the sizes make no sense.
    fn validate(&self) -> Result<()>;

    /// Arithmetic operations: a multiply-add is two.
    fn operations(&self) -> u64;

    /// Bytes that have to be read: all present inputs, each once. A kernel that needs only a part of them says so.
    fn bytes_read(&self) -> u64 {
        bytes_of(self.family(), &self.operands(), Access::Read)
    }

    /// The dispatches that compute it on `device` with `variant`: one where its limits allow, else one a piece.
    fn launches(&self, variant: &Variant, device: &Capabilities) -> Result<Vec<Launch>>;

    /// How `variant` wants the constant input at `binding` laid out; `None` for row-major as it is.
    fn packing(&self, variant: &Variant, device: &Capabilities, binding: usize) -> Option<Packing> {
        let _ = (variant, device, binding);
        None
    }

    /// The formula in plain loops with f64 sums, one tensor an output.
    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>>;
}

/// A kernel call that can be shared.
pub type Call = Arc<dyn Kernel>;

/// What a call costs, to compare with the time it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Cost {
    /// Arithmetic operations: a multiply-add is two.
    pub operations: u64,
    /// Bytes of the inputs that have to be read, each counted once.
    pub read: u64,
    /// Bytes of all outputs.
    pub written: u64,
}

impl std::ops::Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            operations: self.operations + other.operations,
            read: self.read + other.read,
            written: self.written + other.written,
        }
    }
}

/// What `kernel` costs.
pub fn cost(kernel: &dyn Kernel) -> Cost {
    let written = bytes_of(kernel.family(), &kernel.operands(), Access::Write);
    Cost { operations: kernel.operations(), read: kernel.bytes_read(), written }
}

fn bytes_of(family: &Family, operands: &[Option<Shape>], access: Access) -> u64 {
    let bindings = family.bindings.iter().zip(operands).filter(|(binding, _)| binding.access == access);
    let bytes = bindings.filter_map(|(binding, shape)| Some(shape.as_ref()?.elements() * binding.element.bytes()));
    bytes.sum::<usize>() as u64
}

/// The tensor at place `binding` of a family's bindings, counted from 0, among the `inputs` that
/// [`Kernel::reference`] is given.
///
/// # Errors
///
/// Where the call was given none: a reference asks for those that its switches say are present.
pub fn input<'a>(inputs: &[Option<&'a Tensor>], binding: usize) -> Result<&'a Tensor> {
    inputs
        .get(binding)
        .copied()
        .flatten()
        .ok_or_else(|| Error::usage(format!("the input at binding {binding} is missing")))
}

/// Declares the parameter struct of a kernel: `#[repr(C)]`, plain data, with its [`Field`]s in `FIELDS`.
#[macro_export]
macro_rules! kernel_parameters {
    ($(#[$outer:meta])* $visibility:vis struct $name:ident { $($(#[$inner:meta])* $field:ident: $scalar:ident,)* }) => {
        $(#[$outer])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        $visibility struct $name { $($(#[$inner])* pub $field: $scalar,)* }

        impl $name {
            /// The members, as the WGSL struct must have them.
            $visibility const FIELDS: &'static [$crate::kernels::contract::Field] = &[$($crate::kernels::contract::Field {
                name: stringify!($field),
                offset: std::mem::offset_of!($name, $field),
                scalar: stringify!($scalar),
            },)*];
        }
    };
}
