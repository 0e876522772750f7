//! What a kernel declares. Everything else (tests, checks, benches, the device support matrix) is derived from it.

use std::fmt::Debug;
use std::sync::Arc;

use serde::Serialize;

use crate::gpu::{Capabilities, Slot};
use crate::kernels::contract::{Backward, Bound, Case, Draw, Gradient, Tape, TapeValue, Uncertainty};
#[cfg(feature = "cpu")]
use crate::kernels::host::{Arguments, Threads};
use crate::kernels::shader::{Dispatches, Plan, Planned, Precision, Unfit, Variant};
use crate::tensor::{Element, Error, Exact, Format, Result, Shape, Tensor};

/// A kernel family: one formula, its bindings, and the WGSL variants that compute it.
///
/// `@binding(0)` of every kernel is `var<uniform> call: Uniform`; [`Family::bindings`] follow from 1 on.
#[derive(Debug)]
#[non_exhaustive]
pub struct Family {
    /// Its name in options, reports and errors, unique among families.
    pub name: &'static str,
    /// The formula in one line.
    pub formula: &'static str,
    /// The members that the WGSL struct `Uniform` must have.
    pub uniform: &'static [Field],
    /// The storage bindings, which follow the uniform in this order.
    pub bindings: &'static [Binding],
    /// Its variants: [`variants_of`] its kernel.
    pub variants: fn() -> Vec<&'static Variant>,
    /// The shapes it is tested, checked and timed with.
    pub cases: fn() -> Vec<Case>,
    /// A case of random shape, well enough conditioned to be held to what its cases are held to; `None` where there is no
    /// such thing.
    pub random: Option<fn(&mut Draw) -> Case>,
}

/// A member of a kernel's uniform struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, in Rust and in WGSL.
    pub name: &'static str,
    /// Its offset in the struct, in bytes.
    pub offset: usize,
    /// Its type: `u32`, `i32` or `f32`.
    pub scalar: &'static str,
}

/// One storage binding of a kernel.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Binding {
    /// Its name in WGSL.
    pub name: &'static str,
    /// How the kernel accesses it.
    pub access: Access,
    /// The type of its elements.
    pub element: Element,
    /// Its shape in the project's letters.
    pub shape: &'static str,
    /// Whether it is a weight: every variant reads it in the floats in which weights are stored.
    pub weight: bool,
    /// Whether it is a factor of a product and no weight: every variant reads it in the floats of [`Precision::factors`].
    pub factor: bool,
}

/// What a kernel does with a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Reads it: an input.
    Read,
    /// Writes every element, whatever it held: an output.
    Write,
    /// Reads and overwrites it: an output in the memory of an input, whose old value is lost.
    Update,
    /// Works in it: memory of the call alone while it runs, whose content before is arbitrary. A variant says how much
    /// it needs.
    Scratch,
}

impl Access {
    /// Whether a call is given a value there.
    pub const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::Update)
    }

    /// Whether a call leaves a value there.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Update)
    }
}

impl Binding {
    /// An input of floats.
    pub const fn read(name: &'static str, shape: &'static str) -> Self {
        Self { name, access: Access::Read, element: Element::F32, shape, weight: false, factor: false }
    }

    /// An input of floats that is multiplied: rounded as [`Precision`] says.
    pub const fn factor(name: &'static str, shape: &'static str) -> Self {
        Self { factor: true, ..Self::read(name, shape) }
    }

    /// An input of floats that is a weight: stored as [`Precision`] says.
    pub const fn weight(name: &'static str, shape: &'static str) -> Self {
        Self { weight: true, ..Self::read(name, shape) }
    }

    /// An input of words.
    pub const fn read_words(name: &'static str, shape: &'static str) -> Self {
        Self { element: Element::U32, ..Self::read(name, shape) }
    }

    /// An output of floats.
    pub const fn write(name: &'static str, shape: &'static str) -> Self {
        Self { access: Access::Write, ..Self::read(name, shape) }
    }

    /// An output of words.
    pub const fn write_words(name: &'static str, shape: &'static str) -> Self {
        Self { element: Element::U32, ..Self::write(name, shape) }
    }

    /// An input of floats that the output replaces in its memory.
    pub const fn update(name: &'static str, shape: &'static str) -> Self {
        Self { access: Access::Update, ..Self::read(name, shape) }
    }

    /// Memory of floats to work in.
    pub const fn scratch(name: &'static str, shape: &'static str) -> Self {
        Self { access: Access::Scratch, ..Self::read(name, shape) }
    }

    /// The elements in which a call of this precision reads it.
    pub fn stored(&self, precision: Precision) -> Element {
        match self {
            Self { weight: true, .. } => precision.weights(),
            Self { factor: true, .. } => precision.factors(),
            _ => self.element,
        }
    }
}

impl Family {
    /// The family of the kernel `K`. `uniform` are the fields of its uniform struct, as [`uniform!`](crate::uniform!) makes them.
    pub const fn of<K: Kernel>(
        name: &'static str,
        formula: &'static str,
        uniform: &'static [Field],
        bindings: &'static [Binding],
        cases: fn() -> Vec<Case>,
    ) -> Self {
        Self { name, formula, uniform, bindings, variants: variants_of::<K>, cases, random: None }
    }

    /// With cases of random shape, which show on a failure from which shape on.
    #[must_use]
    pub const fn random(self, random: fn(&mut Draw) -> Case) -> Self {
        Self { random: Some(random), ..self }
    }

    /// Its variants, the preferred first within each device class.
    pub fn variants(&self) -> Vec<&'static Variant> {
        (self.variants)()
    }

    /// Those of its variants that compute at `precision`: where halves are to be multiplied, the ones that do so, if it has
    /// any; else the others.
    pub fn variants_at(&self, precision: Precision) -> Vec<&'static Variant> {
        let mut variants = self.variants();
        let halves = precision.factors() == Element::F16 && variants.iter().any(|variant| variant.needs.f16);
        variants.retain(|variant| variant.needs.f16 == halves);
        variants
    }

    /// The variants that `device` can run at [`Precision::F32`], those written for its class first.
    pub fn variants_for(&self, device: &Capabilities) -> Vec<&'static Variant> {
        self.fitting(device, Precision::F32)
    }

    /// The variants that `device` can run at `precision`, those written for its class first.
    pub fn fitting(&self, device: &Capabilities, precision: Precision) -> Vec<&'static Variant> {
        let mut variants = self.variants_at(precision);
        variants.retain(|variant| variant.missing(device).is_none());
        variants.sort_by_key(|variant| variant.rank(device));
        variants
    }

    /// The variant of this name at [`Precision::F32`], an error where there is none or `device` lacks what it needs.
    pub fn variant_named(&self, name: &str, device: &Capabilities) -> Result<&'static Variant> {
        self.named(name, device, Precision::F32)
    }

    /// The variant of this name at `precision`, an error where there is none or `device` lacks what it needs.
    pub(in crate::kernels) fn named(
        &self,
        name: &str,
        device: &Capabilities,
        precision: Precision,
    ) -> Result<&'static Variant> {
        let variants = self.variants_at(precision);
        let variant = variants.iter().find(|variant| variant.name == name).ok_or_else(|| {
            let names: Vec<_> = variants.iter().map(|variant| variant.name).collect();
            Error::usage(format!(
                "kernel {} has no variant {name:?} at precision {precision}; it has {}",
                self.name,
                names.join(", ")
            ))
        })?;
        match variant.missing(device) {
            None => Ok(variant),
            Some(missing) => Err(Error::unsupported(format!(
                "kernel {}, variant {name}: {} lacks {missing}",
                self.name, device.name
            ))),
        }
    }

    /// The kinds of all bindings, the uniform first.
    pub fn slots(&self) -> Vec<Slot> {
        let storage = self.bindings.iter().map(|binding| match binding.access {
            Access::Read => Slot::Read,
            Access::Write | Access::Update | Access::Scratch => Slot::Write,
        });
        std::iter::once(Slot::Uniform).chain(storage).collect()
    }
}

/// One call of a kernel family, with its sizes and switches: plain data, no device.
pub trait Kernel: Debug + Send + Sync + Sized + 'static {
    /// The family it belongs to.
    const FAMILY: &'static Family;

    /// Its variants in WGSL, the preferred first within each device class.
    const VARIANTS: &'static [Planned<Self>];

    /// The formula in plain loops.
    const REFERENCE: Reference<Self>;

    /// How far it may be from its reference; `None` where only [`Tolerance::KERNEL`](crate::tensor::Tolerance::KERNEL)
    /// or a case's own tolerance says.
    const BOUND: Option<Bound<Self>> = None;

    /// The gradients of its inputs; `None` where it has none, or none that training needs: nothing that is trained lies
    /// before the pixels of a clip, so the kernels that prepare them have none, and the clip itself has none where it is
    /// embedded.
    const GRADIENT: Option<Gradient<Self>> = None;

    /// The fast implementation on the host's processor; `None` where there is none.
    #[cfg(feature = "cpu")]
    const HOST: Option<Host<Self>> = None;

    /// The shape of each binding's operand; `None` where this call leaves an optional one out, and for scratch.
    fn operands(&self) -> Vec<Option<Shape>>;

    /// An error where the sizes make no sense.
    fn validate(&self) -> Result<()>;

    /// Arithmetic operations: a multiply-add is two.
    fn operations(&self) -> u64;

    /// Multiply-adds of its matrix products; each counts as one here, as two among the operations.
    fn multiply_accumulates(&self) -> u64 {
        0
    }

    /// Rows and columns of its matrix product, where variants with tiles of workgroups of several shapes compute it; `None`
    /// where there are none.
    fn product(&self) -> Option<[usize; 2]> {
        None
    }

    /// Bytes that have to be read with weights in f32: every present input once, unless the kernel needs only a part of
    /// them.
    fn bytes_read(&self) -> u64 {
        let operands = self.operands();
        present(Self::FAMILY, &operands, Access::reads).map(|(binding, n)| binding.element.bytes_of(n)).sum()
    }

    /// Elements among these bytes that are factors of products and no weights: every one once, unless the kernel needs only
    /// a part of them.
    fn factors_read(&self) -> usize {
        let operands = self.operands();
        present(Self::FAMILY, &operands, Access::reads).filter(|(binding, _)| binding.factor).map(|(_, n)| n).sum()
    }
}

/// Computes a call in f64 from end to end: from a tensor for each binding that reads, `None` where absent, to one for
/// each that writes.
pub type Reference<K> = fn(&K, &[Option<&Exact>]) -> Result<Vec<Exact>>;

/// Computes a call on the host's processor, from and into arguments that fit its operands.
#[cfg(feature = "cpu")]
pub type Host<K> = fn(&K, &mut Arguments<'_>, &Threads) -> Result<()>;

/// Declares as [`Kernel::HOST`] the function of this name in a kernel's `host.rs`, in builds that have it.
macro_rules! host_form {
    ($form:ident) => {
        #[cfg(feature = "cpu")]
        const HOST: Option<$crate::kernels::contract::Host<Self>> = Some(host::$form);
    };
}
pub(crate) use host_form;

/// The variants of a kernel, for its [`Family`].
pub fn variants_of<K: Kernel>() -> Vec<&'static Variant> {
    K::VARIANTS.iter().map(|planned| &planned.variant).collect()
}

/// A call of any kernel: what graphs and cases hold. Every [`Kernel`] is one.
pub trait Operation: Debug + Send + Sync {
    /// The family it belongs to.
    fn family(&self) -> &'static Family;

    /// See [`Kernel::operands`].
    fn operands(&self) -> Vec<Option<Shape>>;

    /// See [`Kernel::validate`].
    fn validate(&self) -> Result<()>;

    /// What it costs at this precision. Outputs are counted as f32.
    fn cost(&self, precision: Precision) -> Cost;

    /// See [`Kernel::multiply_accumulates`].
    fn multiply_accumulates(&self) -> u64;

    /// See [`Kernel::product`].
    fn product(&self) -> Option<[usize; 2]>;

    /// How `variant` computes this call on `device` at this precision: in one dispatch where the limits allow, else in one
    /// a piece. [`Unfit`] where it cannot.
    fn plan(&self, variant: &'static Variant, device: &Capabilities, precision: Precision) -> Result<Plan, Unfit> {
        self.plan_leaving(Element::F32, variant, device, precision)
    }

    /// The same, with its outputs of floats left in memory as `outputs`, f32 or f16, where the variant can do so, as one that
    /// multiplies halves may: for values that others read like that.
    fn plan_leaving(
        &self,
        outputs: Element,
        variant: &'static Variant,
        device: &Capabilities,
        precision: Precision,
    ) -> Result<Plan, Unfit>;

    /// See [`Kernel::REFERENCE`].
    fn reference(&self, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>>;

    /// The formula of its [`Kernel::BOUND`]; `None` where it has none.
    fn bound(&self) -> Option<&'static str>;

    /// What its [`Kernel::BOUND`] knows of the errors of each output; `None` where it has none.
    fn uncertainties(&self, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Option<Vec<Uncertainty>>>;

    /// Computes on `tape` what its [`Kernel::GRADIENT`] says; `None` where it has none.
    fn gradient(&self, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Option<Vec<Option<TapeValue>>>>;

    /// See [`Kernel::HOST`]; an error, too, where the call makes no sense or `arguments` do not fit its operands.
    #[cfg(feature = "cpu")]
    fn host(&self, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()>;
}

impl<K: Kernel> Operation for K {
    fn family(&self) -> &'static Family {
        K::FAMILY
    }

    fn operands(&self) -> Vec<Option<Shape>> {
        Kernel::operands(self)
    }

    fn validate(&self) -> Result<()> {
        Kernel::validate(self)
    }

    fn cost(&self, precision: Precision) -> Cost {
        let operands = Kernel::operands(self);
        let written =
            present(K::FAMILY, &operands, Access::writes).map(|(binding, n)| binding.element.bytes_of(n)).sum();
        let saved = |element: Element, n| Element::F32.bytes_of(n) - element.bytes_of(n);
        let weights = present(K::FAMILY, &operands, Access::reads).filter(|(binding, _)| binding.weight);
        let weights: u64 = weights.map(|(_, n)| saved(precision.weights(), n)).sum();
        let saved = weights + saved(precision.factors(), self.factors_read());
        Cost { operations: self.operations(), read: self.bytes_read().saturating_sub(saved), written }
    }

    fn multiply_accumulates(&self) -> u64 {
        Kernel::multiply_accumulates(self)
    }

    fn product(&self) -> Option<[usize; 2]> {
        Kernel::product(self)
    }

    fn plan_leaving(
        &self,
        outputs: Element,
        variant: &'static Variant,
        device: &Capabilities,
        precision: Precision,
    ) -> Result<Plan, Unfit> {
        let family = K::FAMILY;
        let planned = K::VARIANTS.iter().find(|planned| std::ptr::eq(&planned.variant, variant));
        let planned = planned.ok_or_else(|| {
            Unfit::new(format!("kernel {} has no variant {:?} ({})", family.name, variant.name, variant.shader.file))
        })?;
        if !family.variants_at(precision).iter().any(|at| std::ptr::eq(*at, variant)) {
            let own = if variant.needs.f16 { Precision::F16 } else { Precision::F32 };
            return Err(Unfit::new(format!("it computes at precision {own}, not at {precision}")));
        }
        let outputs = if variant.needs.f16 { outputs } else { Element::F32 };
        let elements = family.bindings.iter().map(|binding| binding.element);
        let mut dispatches = Dispatches::new(device, precision, outputs, elements);
        (planned.plan)(self, &mut dispatches)?;
        let plan = dispatches.finish(variant);
        family.bindings.iter().zip(&plan.formats).try_for_each(|(binding, format)| {
            let stored = binding.stored(precision);
            let left = binding.access == Access::Write && *format == Format::rows(outputs);
            match left || format.element == stored {
                true => Ok(()),
                false => Err(Unfit::new(format!("it reads {} in {}, not in {stored}", binding.name, format.element))),
            }
        })?;
        Ok(plan)
    }

    fn reference(&self, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
        K::REFERENCE(self, inputs)
    }

    fn bound(&self) -> Option<&'static str> {
        K::BOUND.map(|bound| bound.formula)
    }

    fn uncertainties(&self, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Option<Vec<Uncertainty>>> {
        K::BOUND.map(|bound| (bound.uncertainties)(self, inputs, outputs)).transpose()
    }

    fn gradient(&self, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Option<Vec<Option<TapeValue>>>> {
        K::GRADIENT.map(|gradient| gradient(self, tape, of)).transpose()
    }

    #[cfg(feature = "cpu")]
    fn host(&self, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
        let compute = K::HOST.ok_or_else(|| {
            Error::unsupported(format!("kernel {} has no implementation on the host", K::FAMILY.name))
        })?;
        Kernel::validate(self)?;
        arguments.check(K::FAMILY, &Kernel::operands(self))?;
        compute(self, arguments, threads)
    }
}

/// The outputs of the reference of `call` for `inputs`, reals rounded to f32.
pub fn rounded_reference(call: &dyn Operation, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
    let exact: Vec<_> = inputs.iter().map(|input| input.map(Exact::from)).collect();
    let outputs = call.reference(&exact.iter().map(Option::as_ref).collect::<Vec<_>>())?;
    outputs.iter().map(Exact::rounded).collect()
}

/// A kernel call that can be shared.
pub type Call = Arc<dyn Operation>;

/// What a call costs, to compare with the time it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
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

/// The bindings of this access that a call with `operands` has, each with the number of its elements.
fn present<'a>(
    family: &'static Family,
    operands: &'a [Option<Shape>],
    counts: fn(Access) -> bool,
) -> impl Iterator<Item = (&'static Binding, usize)> + 'a {
    let bindings = family.bindings.iter().zip(operands).filter(move |(binding, _)| counts(binding.access));
    bindings.filter_map(|(binding, shape)| Some((binding, shape.as_ref()?.elements())))
}

/// Of the `inputs` that [`Kernel::REFERENCE`] is given, the one of `binding`, counted from 0 among the bindings that
/// read.
///
/// # Errors
///
/// Where the call was given none. A reference asks only for inputs that the call's switches make present.
pub fn input<'a>(inputs: &[Option<&'a Exact>], binding: usize) -> Result<&'a Exact> {
    inputs.get(binding).copied().flatten().ok_or_else(|| Error::usage(format!("input {binding} is missing")))
}

/// The members of `first` and then those of `own`, `N` together.
pub const fn joined<const N: usize>(first: &[Field], own: &[Field]) -> [Field; N] {
    let mut fields = [Field { name: "", offset: 0, scalar: "" }; N];
    let mut index = 0;
    while index < N {
        fields[index] = if index < first.len() { first[index] } else { own[index - first.len()] };
        index += 1;
    }
    fields
}

/// Declares the uniform struct of a kernel: `#[repr(C)]`, plain data, with its [`Field`]s in `FIELDS`. It may begin
/// with another such struct's members, `..common: Common`, which are ordinary members in WGSL.
///
/// What it expands to names this crate as `tubelet`.
#[macro_export]
macro_rules! uniform {
    (
        $(#[$outer:meta])*
        $visibility:vis struct $name:ident {
            $(..$first:ident: $First:ty,)?
            $($(#[$inner:meta])* $field:ident: $scalar:ident,)*
        }
    ) => {
        $(#[$outer])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, $crate::gpu::bytemuck::Pod, $crate::gpu::bytemuck::Zeroable)]
        #[bytemuck(crate = "::tubelet::gpu::bytemuck")]
        $visibility struct $name { $(pub $first: $First,)? $($(#[$inner])* pub $field: $scalar,)* }

        impl $name {
            /// The members, as the WGSL struct must have them.
            $visibility const FIELDS: &'static [$crate::kernels::fields::Field] = {
                use $crate::kernels::fields::{Field, joined};
                const FIRST: &[&[Field]] = &[$(<$First>::FIELDS,)? &[]];
                const OWN: &[Field] = &[$(Field {
                    name: stringify!($field),
                    offset: std::mem::offset_of!($name, $field),
                    scalar: stringify!($scalar),
                },)*];
                const ALL: [Field; FIRST[0].len() + OWN.len()] = joined(FIRST[0], OWN);
                &ALL
            };
        }
    };
}
