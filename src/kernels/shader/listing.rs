//! What a device gets for a call, to be read: the WGSL with its uniform, workgroups and windows.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::kernels::contract::{Access, Family, Field};
use crate::kernels::shader::{Launch, Plan, render};
use crate::tensor::Result;

/// The dispatches of a call as they reach the device.
#[doc(hidden)]
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Listing {
    /// Binding → how its operand lies.
    pub formats: Map<String, Value>,
    /// In their order.
    pub dispatches: Vec<ListedDispatch>,
}

/// One dispatch of a [`Listing`].
#[doc(hidden)]
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ListedDispatch {
    /// Field → value.
    pub uniform: Map<String, Value>,
    /// Along x, y and z.
    pub workgroups: [u32; 3],
    /// Binding → the bytes of its operand that are bound; `null` for all of them.
    pub windows: Map<String, Value>,
    /// What is compiled.
    pub wgsl: String,
}

impl Listing {
    /// Of a call of `family` that runs as `plan` says.
    pub fn of(family: &Family, plan: &Plan) -> Result<Self> {
        let formats = family.bindings.iter().zip(&plan.formats).zip(&plan.scratch);
        let formats = formats.map(|((binding, format), scratch)| match binding.access {
            Access::Scratch => (binding.name.to_owned(), format!("scratch of {scratch} bytes").into()),
            _ => (binding.name.to_owned(), format.to_string().into()),
        });
        let dispatches = plan.launches.iter().map(|launch| dispatch(family, plan, launch)).collect::<Result<_>>()?;
        Ok(Self { formats: formats.collect(), dispatches })
    }
}

fn dispatch(family: &Family, plan: &Plan, launch: &Launch) -> Result<ListedDispatch> {
    let windows = family.bindings.iter().zip(&launch.windows);
    Ok(ListedDispatch {
        uniform: family.uniform.iter().map(|field| (field.name.to_owned(), value(field, &launch.uniform))).collect(),
        workgroups: launch.groups,
        windows: windows
            .map(|(binding, window)| {
                (binding.name.to_owned(), json!(window.as_ref().map(|bytes| [bytes.start, bytes.end])))
            })
            .collect(),
        wgsl: render(&plan.variant.shader, launch)?,
    })
}

/// A field of a uniform, from its bytes.
fn value(field: &Field, uniform: &[u8]) -> Value {
    let mut word = [0; 4];
    if let Some(bytes) = uniform.get(field.offset..field.offset + 4) {
        word.copy_from_slice(bytes);
    }
    match field.scalar {
        "f32" => f32::from_ne_bytes(word).into(),
        "i32" => i32::from_ne_bytes(word).into(),
        _ => u32::from_ne_bytes(word).into(),
    }
}

/// The WGSL, each dispatch above it as comments; dispatches with the same text share it.
impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { formats, dispatches } = self;
        f.write_str("// operands")?;
        for (name, format) in formats {
            write!(f, "\n//   {name}: {}", format.as_str().unwrap_or_default())?;
        }
        for (index, dispatch) in dispatches.iter().enumerate() {
            write!(f, "\n\n{}", header(index, dispatch))?;
            let next = dispatches.get(index + 1).map(|next| &next.wgsl);
            if next != Some(&dispatch.wgsl) {
                write!(f, "\n\n{}", dispatch.wgsl.trim_end())?;
            }
        }
        Ok(())
    }
}

fn header(index: usize, dispatch: &ListedDispatch) -> String {
    let [x, y, z] = dispatch.workgroups;
    let uniform: Vec<_> = dispatch.uniform.iter().map(|(name, value)| format!("//   {name} = {value}")).collect();
    let window = |(name, bytes): (&String, &Value)| match bytes.as_array().map(Vec::as_slice) {
        Some([start, end]) => format!("//   {name}: bytes {start} to {end}"),
        _ => format!("//   {name}: whole"),
    };
    let windows: Vec<_> = dispatch.windows.iter().map(window).collect();
    format!(
        "// dispatch {index}: {x} × {y} × {z} workgroups\n// uniform\n{}\n// windows\n{}",
        uniform.join("\n"),
        windows.join("\n")
    )
}
