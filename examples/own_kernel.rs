//! A kernel of your own: squared ReLU, written outside the crate, checked and run on your device.
//!
//! ```text
//! cargo run --example own_kernel
//! ```
//!
//! A kernel is two declarations and a shader:
//!
//! * a [`Family`], static: its name, formula, uniform, bindings and test cases;
//! * a [`Kernel`], one call of it: its sizes, the shapes of its operands, its WGSL variants and how each plans the call,
//!   and the formula once more in plain Rust as the reference.
//!
//! From these the suite derives everything it does for the crate's own kernels: it fills inputs, poisons outputs, puts
//! NaN behind every operand, runs each case on each variant and compares with the reference.
//!
//! In a crate of your own, `tubelet` is all that it depends on. To add the kernel to tubelet instead, the text below becomes
//! `shaders/rows/squared_relu.wgsl`, the rest goes to `src/kernels/rows/squared_relu/` (declaration, `reference.rs`,
//! `cases.rs`), and `src/kernels/mod.rs` gets a line.

use tubelet::gpu::Gpu;
use tubelet::kernels::suite::{Outcome, check};
use tubelet::kernels::{
    Binding, Case, Dispatches, Family, Kernel, Literals, Needs, Planned, Precision, ProgramBuilder, Reference,
    Selection, Shader, Unfit, input, word,
};
use tubelet::tensor::{Element, Error, Exact, Result, Shape};

/// The shader. `{{ invocations }}` is a literal that each launch puts in; loops and includes of templates work too.
const WGSL: &str = "
// Squared ReLU: out[e] = max(in[e], 0)², an invocation an element.

struct Uniform {
    elements: u32,  // E
}

@group(0) @binding(0) var<uniform> call: Uniform;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [E]
@group(0) @binding(2) var<storage, read_write> output: array<f32>;  // [E]

@compute @workgroup_size({{ invocations }})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let e = (group.x + group.y * groups.x) * {{ invocations }}u + lane;
    if e >= call.elements {
        return;
    }
    // Not max(x, 0): it may turn NaN into 0.
    let x = input[e];
    output[e] = select(x * x, 0.0, x < 0.0);
}
";

/// Invocations of a workgroup.
const INVOCATIONS: u32 = 64;

static SQUARED_RELU: Family = Family::of::<SquaredRelu>(
    "squared_relu",
    "out[e] = max(in[e], 0)²",
    Uniform::FIELDS,
    &[Binding::read("input", "[E]"), Binding::write("output", "[E]")],
    cases,
);

// The WGSL struct in Rust.
tubelet::uniform! {
    struct Uniform {
        elements: u32,
    }
}

/// The ways to compute it: here one, for any device.
static VARIANTS: [Planned<SquaredRelu>; 1] =
    [Planned::any(Shader::new("squared_relu.wgsl", WGSL), Needs::invocations(INVOCATIONS), plan)];

/// A dispatch for each piece that fits a binding of the device: usually one.
fn plan(call: &SquaredRelu, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let literals = Literals::new().with("invocations", INVOCATIONS);
    for run in dispatches.runs(call.elements, 1, &[1])? {
        let uniform = Uniform { elements: word(run.len())? };
        let groups = (run.len() as u64).div_ceil(u64::from(INVOCATIONS));
        let window = Some(dispatches.bytes(&run, 1));
        dispatches.launch(groups, literals.clone(), &uniform, vec![window.clone(), window])?;
    }
    Ok(())
}

/// One call: its sizes and switches, no device.
#[derive(Clone, Debug)]
struct SquaredRelu {
    elements: usize,
}

impl Kernel for SquaredRelu {
    const FAMILY: &'static Family = &SQUARED_RELU;
    const VARIANTS: &'static [Planned<Self>] = &VARIANTS;
    const REFERENCE: Reference<Self> = reference;

    fn operands(&self) -> Vec<Option<Shape>> {
        vec![Some([self.elements].into()), Some([self.elements].into())]
    }

    fn validate(&self) -> Result<()> {
        match self.elements {
            0 => Err(Error::usage("no elements")),
            _ => Ok(()),
        }
    }

    fn operations(&self) -> u64 {
        2 * self.elements as u64
    }
}

/// The formula in plain loops, in f64.
fn reference(call: &SquaredRelu, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let mut output = Vec::new();
    for &x in input(inputs, 0)?.reals()? {
        output.push(if x < 0.0 { 0.0 } else { x * x });
    }
    Ok(vec![Exact::from_reals([call.elements], output)?])
}

/// Sizes around those of a workgroup, one beyond a dimension of workgroups, one that must be cut.
fn cases() -> Vec<Case> {
    let of = |elements| SquaredRelu { elements };
    vec![
        Case::new("one element", of(1)),
        Case::new("a workgroup less one", of(63)),
        Case::new("a workgroup and one", of(65)),
        Case::new("hidden layer of ViT-B", of(197 * 3072)).timed(),
        Case::new("more than a dimension of workgroups", of(65_536 * 64)),
        Case::new("cut into pieces", of(5000)).binding_bytes(4096),
    ]
}

/// Every case on every variant, as `cargo test --test kernels` does it; an error where one fails.
fn check_all(device: &Gpu) -> Result<()> {
    for case in cases() {
        for variant in SQUARED_RELU.variants() {
            let outcome = check(device, &case, variant);
            println!("{}, {}, {}: {outcome}", SQUARED_RELU.name, variant.name, case.name);
            if let Outcome::Failed(reason) = outcome {
                return Err(Error::usage(format!("{}: {reason}", case.name)));
            }
        }
    }
    Ok(())
}

/// The kernel alone, on values of your own.
fn squared_relu(device: &Gpu, values: &[f32]) -> Result<Vec<f32>> {
    let call = SquaredRelu { elements: values.len() };
    let plan = Selection::automatic().plan(&call, device.capabilities(), Precision::F32)?;
    let input = device.buffer_with("input", bytemuck::cast_slice(values)).wait()?;
    let bytes = Element::F32.bytes_of(values.len());
    let output = device.buffer("output", bytes).wait()?;
    let mut builder = ProgramBuilder::new(device).wait()?;
    builder.call(&SQUARED_RELU, plan, vec![Some(input), Some(output.clone())]);
    let program = builder.finish().wait()?;
    let mut commands = device.commands();
    commands.dispatch(program.dispatches());
    commands.run().wait()?;
    Ok(bytemuck::pod_collect_to_vec(&device.read(&output, 0..bytes).wait()?))
}

fn main() -> Result<()> {
    let device = Gpu::open(&Default::default())?;
    check_all(&device)?;
    println!("squared ReLU of −1, 0, 2, 3: {:?}", squared_relu(&device, &[-1.0, 0.0, 2.0, 3.0])?);
    Ok(())
}
