//! Kernel calls bound to device memory, ready to run as often as wanted.

use std::ops::Range;
use std::sync::LazyLock;

use crate::gpu::{Buffer, Dispatch, Gpu, Pending, Slot, Window};
use crate::kernels::contract::Family;
use crate::kernels::shader::template::Templates;
use crate::kernels::shader::{Launch, Plan, Shader};
use crate::tensor::{Error, ErrorKind, Result};

/// The WGSL of `shader` for one launch.
pub fn render(shader: &Shader, launch: &Launch) -> Result<String> {
    static TEMPLATES: LazyLock<Result<Templates>> = LazyLock::new(Templates::of_pieces);
    TEMPLATES.as_ref().map_err(Clone::clone)?.render(shader.file, shader.text, &launch.literals)
}

/// Calls with their operands, before their shaders are compiled and their uniforms uploaded.
#[derive(Debug)]
pub struct ProgramBuilder<'a> {
    device: &'a Gpu,
    /// Bound in place of an input and an output that a call leaves out: one buffer cannot be both in a dispatch.
    absent: [Buffer; 2],
    calls: Vec<BoundCall>,
}

#[derive(Debug)]
struct BoundCall {
    label: &'static str,
    plan: Plan,
    slots: Vec<Slot>,
    operands: Vec<Option<Buffer>>,
}

/// A sequence of kernel calls with everything bound; nothing is compiled, uploaded or allocated when it runs.
#[derive(Debug)]
pub struct Program {
    dispatches: Vec<Dispatch>,
    /// The dispatches of each call.
    calls: Vec<Range<usize>>,
}

impl<'a> ProgramBuilder<'a> {
    /// A program for `device`, without calls yet.
    pub fn new(device: &'a Gpu) -> Pending<'a, Self> {
        let absent = [device.buffer("absent input", 16), device.buffer("absent output", 16)];
        Pending::new(async move {
            let [input, output] = absent;
            Ok(Self { device, absent: [input.await?, output.await?], calls: Vec::new() })
        })
    }

    /// Adds a call of `family`. `operands` has a buffer for each binding, in the format of the plan, `None` where the
    /// call leaves one out.
    pub fn call(&mut self, family: &'static Family, plan: Plan, operands: Vec<Option<Buffer>>) {
        self.calls.push(BoundCall { label: family.name, plan, slots: family.slots(), operands });
    }

    /// Compiles the shaders of all calls and binds their operands. An error where an operand is larger than a binding.
    pub fn finish(self) -> Pending<'a, Program> {
        Pending::new(self.bound())
    }

    async fn bound(self) -> Result<Program> {
        let limits = &self.device.capabilities().limits;
        let stride = |launch: &Launch| launch.uniform.len().next_multiple_of(limits.uniform_alignment as usize);
        let mut uniforms = Vec::new();
        for launch in self.calls.iter().flat_map(|call| &call.plan.launches) {
            let end = uniforms.len() + stride(launch);
            uniforms.extend_from_slice(&launch.uniform);
            uniforms.resize(end, 0);
        }
        let arena = self.device.buffer_with("kernel uniforms", &uniforms).await?;
        let mut program = Program { dispatches: Vec::new(), calls: Vec::new() };
        let mut at = 0;
        for call in &self.calls {
            let first = program.dispatches.len();
            for launch in &call.plan.launches {
                let range = at as u64..(at + launch.uniform.len()) as u64;
                program.dispatches.push(self.bind(call, launch, arena.window(range)).await?);
                at += stride(launch);
            }
            program.calls.push(first..program.dispatches.len());
        }
        Ok(program)
    }

    async fn bind(&self, call: &BoundCall, launch: &Launch, uniforms: Window) -> Result<Dispatch> {
        let shader = call.plan.variant.shader;
        let wgsl = render(&shader, launch)?;
        let pipeline = match shader.own {
            true => self.device.pipeline_of_kernel(shader.file, &wgsl, &call.slots),
            false => self.device.pipeline(shader.file, &wgsl, &call.slots),
        };
        let pipeline = pipeline.await?;
        let mut windows = vec![uniforms];
        let slots = call.slots.iter().skip(1);
        for ((operand, range), slot) in call.operands.iter().zip(&launch.windows).zip(slots) {
            let absent = &self.absent[usize::from(*slot == Slot::Write)];
            let buffer = operand.as_ref().unwrap_or(absent);
            let window = match range {
                Some(range) if operand.is_some() => buffer.window(range.clone()),
                _ => buffer.whole(),
            };
            self.check_window(call.label, &window)?;
            windows.push(window);
        }
        let bindings = self.device.bind(call.label, &pipeline, &windows).await?;
        Ok(Dispatch { pipeline, bindings, groups: launch.groups })
    }

    fn check_window(&self, label: &str, window: &Window) -> Result<()> {
        let limit = self.device.capabilities().limits.binding_bytes;
        if window.bytes() <= limit {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "kernel {label} needs a binding of {} bytes, but {} allows {limit}; use a smaller clip or fewer at a time",
                window.bytes(),
                self.device.capabilities().name
            ),
        ))
    }
}

impl Program {
    /// All dispatches, in order.
    pub fn dispatches(&self) -> &[Dispatch] {
        &self.dispatches
    }

    /// The dispatches of these calls, counted from 0 in the order in which they were added.
    pub(crate) fn dispatches_of(&self, calls: &Range<usize>) -> &[Dispatch] {
        match &self.calls[calls.clone()] {
            [] => &[],
            calls @ [first, ..] => &self.dispatches[first.start..calls[calls.len() - 1].end],
        }
    }
}
