//! WGSL is the truth about bindings, parameter structs and workgroups; Rust states what it believes; this compares.
//!
//! Every variant is rendered as its cases launch it, on a software device's and on a GPU's terms, and goes through
//! naga. No device is needed.

mod languages;
mod reads;

use std::collections::{BTreeSet, HashSet};

use naga::valid::{
    Capabilities as NagaCapabilities, ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator,
};
use reads::members_read;
use tubelet::gpu::{Capabilities, DeviceKind, MatrixShape, Subgroup};
use tubelet::kernels::{ALL, Access, Case, Family, Launch, Plan, Variant, render};
use tubelet::tensor::Element;

/// Devices as kernels see them: software, and GPUs with subgroups of every size that WGSL knows; each with matrix units.
fn devices() -> Vec<Capabilities> {
    let device = |kind, subgroup: u32| {
        let mut device = Capabilities::of_kind(kind);
        device.name = format!("{kind} with subgroups of {subgroup}");
        (device.f16, device.int64, device.timestamps) = (true, kind == DeviceKind::Software, true);
        device.subgroup = Some(Subgroup { smallest: subgroup, largest: subgroup });
        device.matrix_shapes = vec![MatrixShape::square(if kind == DeviceKind::Software { 8 } else { 16 })];
        device
    };
    let software = |subgroup| {
        let mut device = device(DeviceKind::Software, subgroup);
        device.limits.loop_iterations = Some(65_535);
        device
    };
    let gpu = |subgroup| device(DeviceKind::Discrete, subgroup);
    let with_int64 = |mut device: Capabilities| {
        device.name.push_str(", int64");
        device.int64 = true;
        device
    };
    let mut devices = vec![software(4), software(8), gpu(16), with_int64(gpu(32))];
    devices.extend([32, 64, 128].map(gpu));
    devices
}

/// The cases that `variant` is held to.
fn cases_of(family: &Family, variant: &'static Variant) -> Vec<Case> {
    let is_its = |case: &Case| case.variants().iter().any(|own| std::ptr::eq(*own, variant));
    (family.cases)().into_iter().filter(is_its).collect()
}

#[test]
fn every_variant_is_valid_and_as_rust_believes() {
    let mut faults = Vec::new();
    for family in ALL {
        for variant in family.variants() {
            for fault in faults_of(family, variant) {
                faults.push(format!("{}: {fault}", variant.shader.file));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A kernel does not take another's variant for one of its own.
#[test]
fn a_variant_of_another_kernel_is_unfit() {
    for (family, other) in ALL.iter().zip(ALL.iter().cycle().skip(1)) {
        let planned = (family.cases)()[0].plan(other.variants()[0], &devices()[0]);
        assert!(planned.is_err_and(|unfit| unfit.to_string().contains(family.name)), "{}", family.name);
    }
}

/// Every variant that may have more workgroups than a dimension takes has a case where it does.
#[test]
fn every_variant_folds_its_workgroups_in_some_case() {
    let mut flat = Vec::new();
    for family in ALL {
        for (variant, device) in
            family.variants().into_iter().flat_map(|variant| devices().into_iter().map(move |device| (variant, device)))
        {
            let folds = |case: &Case| {
                let launches = case.plan(variant, &device).unwrap_or_else(|unfit| panic!("{unfit}")).launches;
                case.checked && launches.iter().any(|launch| launch.groups[1] > 1)
            };
            if !cases_of(family, variant).iter().any(folds) {
                flat.push(format!("{} on {}", variant.shader.file, device.name));
            }
        }
    }
    assert!(flat.is_empty(), "{}", flat.join("\n"));
}

/// What is only timed runs no WGSL that is not checked.
#[test]
fn cases_that_are_only_timed_render_what_others_check() {
    let mut unchecked = Vec::new();
    for (family, device) in ALL.iter().flat_map(|family| devices().into_iter().map(move |device| (family, device))) {
        for variant in family.variants() {
            let (checked, timed): (Vec<_>, Vec<_>) =
                cases_of(family, variant).into_iter().partition(|case| case.checked);
            let literals = |case: &Case| -> Vec<_> {
                let launches = case.plan(variant, &device).unwrap_or_else(|unfit| panic!("{unfit}")).launches;
                launches.into_iter().map(|launch| launch.literals).collect()
            };
            let of_checked: Vec<_> = checked.iter().flat_map(literals).collect();
            for case in &timed {
                if !literals(case).iter().all(|literals| of_checked.contains(literals)) {
                    unchecked.push(format!("{}, {}, {}", variant.shader.file, case.name, device.name));
                }
            }
        }
    }
    assert!(unchecked.is_empty(), "only timed: {}", unchecked.join("\n"));
}

fn faults_of(family: &'static Family, variant: &'static Variant) -> HashSet<String> {
    let mut seen = HashSet::new();
    let mut faults = HashSet::new();
    let mut read = BTreeSet::new();
    for device in devices() {
        for case in cases_of(family, variant) {
            let limits = case.device(&device).limits;
            match case.plan(variant, &device) {
                Err(error) => _ = faults.insert(format!("{}, case {}: {error}", device.name, case.name)),
                Ok(plan) => {
                    for launch in &plan.launches {
                        let wgsl = render(&variant.shader, launch).unwrap_or_else(|error| panic!("{error}"));
                        if seen.insert(wgsl.clone()) {
                            match parse(&wgsl) {
                                Err(invalid) => _ = faults.insert(invalid),
                                Ok((module, info)) => {
                                    faults.extend(uniform_faults(family, launch, &module));
                                    faults.extend(binding_faults(family, &plan, &module));
                                    faults.extend(entry_faults(variant, &device, &module));
                                    read.extend(members_read(&module, &info));
                                }
                            }
                        }
                        if launch.groups.iter().any(|&count| count > limits.workgroups) {
                            faults.insert(format!("case {} dispatches {:?} workgroups", case.name, launch.groups));
                        }
                    }
                }
            }
        }
    }
    // Each variant for itself: what only others read is computed and sent to it in vain.
    for field in family.uniform.iter().filter(|field| !read.contains(field.name)) {
        faults.insert(format!("uniform: {} is sent, but never read", field.name));
    }
    faults
}

fn parse(wgsl: &str) -> Result<(naga::Module, ModuleInfo), String> {
    let module = naga::front::wgsl::parse_str(wgsl).map_err(|error| error.emit_to_string(wgsl))?;
    let mut validator = Validator::new(ValidationFlags::all(), NagaCapabilities::all());
    validator.subgroup_stages(ShaderStages::COMPUTE).subgroup_operations(SubgroupOperationSet::all());
    let info = validator.validate(&module).map_err(|error| error.emit_to_string(wgsl))?;
    Ok((module, info))
}

/// The uniform struct against the Rust struct, member by member.
fn uniform_faults(family: &Family, launch: &Launch, module: &naga::Module) -> Vec<String> {
    let Some((_, uniform)) = module.global_variables.iter().find(|(_, global)| binding_of(global) == Some(0)) else {
        return vec!["no binding 0".to_owned()];
    };
    let naga::TypeInner::Struct { members, span } = &module.types[uniform.ty].inner else {
        return vec!["binding 0 is not a struct".to_owned()];
    };
    let mut faults = Vec::new();
    let said: Vec<_> = members
        .iter()
        .map(|member| {
            let scalar = match module.types[member.ty].inner {
                naga::TypeInner::Scalar(naga::Scalar::U32) => "u32",
                naga::TypeInner::Scalar(naga::Scalar::I32) => "i32",
                naga::TypeInner::Scalar(naga::Scalar::F32) => "f32",
                _ => "something else",
            };
            (member.name.clone().unwrap_or_default(), member.offset as usize, scalar)
        })
        .collect();
    let believed: Vec<_> =
        family.uniform.iter().map(|field| (field.name.to_owned(), field.offset, field.scalar)).collect();
    if said != believed {
        faults.push(format!("uniform: WGSL has {said:?}, Rust believes {believed:?}"));
    }
    if *span as usize != launch.uniform.len() {
        faults.push(format!("uniform: WGSL has {span} bytes, Rust sends {}", launch.uniform.len()));
    }
    faults
}

/// Names, access and element types of the storage bindings, which hold what the plan says.
fn binding_faults(family: &Family, plan: &Plan, module: &naga::Module) -> Vec<String> {
    let mut faults = Vec::new();
    let mut bound: Vec<_> =
        module.global_variables.iter().filter_map(|(_, global)| Some((binding_of(global)?, global))).collect();
    bound.sort_by_key(|(binding, _)| *binding);
    let storage = &bound[1..];
    if storage.len() != family.bindings.len() {
        faults.push(format!("{} storage bindings, Rust believes {}", storage.len(), family.bindings.len()));
    }
    for (place, ((number, global), believed)) in storage.iter().zip(family.bindings).enumerate() {
        let name = global.name.clone().unwrap_or_default();
        if *number as usize != place + 1 || name != believed.name {
            faults.push(format!("binding {number} is {name}, Rust believes {} at {}", believed.name, place + 1));
        }
        let written = matches!(global.space,
            naga::AddressSpace::Storage { access } if access.contains(naga::StorageAccess::STORE));
        if written != (believed.access != Access::Read) {
            faults.push(format!("{name}: written is {written}, Rust believes {:?}", believed.access));
        }
        let stored = plan.formats[place].element;
        if !element_of(module, global.ty).is_some_and(|scalar| holds(scalar, stored)) {
            faults.push(format!("{name}: elements are not {stored}"));
        }
    }
    faults
}

fn binding_of(global: &naga::GlobalVariable) -> Option<u32> {
    global.binding.as_ref().filter(|binding| binding.group == 0).map(|binding| binding.binding)
}

fn element_of(module: &naga::Module, ty: naga::Handle<naga::Type>) -> Option<naga::Scalar> {
    match module.types[ty].inner {
        naga::TypeInner::Array { base, .. } => element_of(module, base),
        naga::TypeInner::Scalar(scalar) | naga::TypeInner::Vector { scalar, .. } => Some(scalar),
        _ => None,
    }
}

/// Whether an array of `scalar` is how WGSL reads or writes elements of this type.
fn holds(scalar: naga::Scalar, element: Element) -> bool {
    match element {
        // A 64-bit word is two floats in one load.
        Element::F32 => [naga::Scalar::F32, naga::Scalar::U64].contains(&scalar),
        // Halves, or two a word.
        Element::F16 => [naga::Scalar::F16, naga::Scalar::U32].contains(&scalar),
        Element::U32 => scalar == naga::Scalar::U32,
        _ => false,
    }
}

/// The entry point's name, and its needs against those declared.
fn entry_faults(variant: &Variant, device: &Capabilities, module: &naga::Module) -> Vec<String> {
    let [entry] = module.entry_points.as_slice() else {
        return vec![format!("{} entry points", module.entry_points.len())];
    };
    let mut faults = Vec::new();
    if entry.name != "main" {
        faults.push(format!("the entry point is {}", entry.name));
    }
    let invocations: u32 = entry.workgroup_size.iter().product();
    let of_a_subgroup = device.subgroup_size().filter(|_| variant.needs.subgroup).unwrap_or(0);
    let most = variant.needs.invocations.max(of_a_subgroup);
    if invocations > most {
        faults.push(format!("{invocations} invocations, Rust believes {most}"));
    }
    let mut layouter = naga::proc::Layouter::default();
    layouter.update(module.to_ctx()).unwrap_or_else(|error| panic!("{error}"));
    let workgroup_bytes: u32 = module
        .global_variables
        .iter()
        .filter(|(_, global)| global.space == naga::AddressSpace::WorkGroup)
        .map(|(_, global)| layouter[global.ty].size)
        .sum();
    if workgroup_bytes > variant.needs.workgroup_bytes {
        faults.push(format!(
            "{workgroup_bytes} bytes of workgroup memory, Rust believes {}",
            variant.needs.workgroup_bytes
        ));
    }
    faults
}
