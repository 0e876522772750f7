//! Metal and DX12 do not run WGSL: every kernel, as its cases launch it, is written in their languages too.
//!
//! The options are those of wgpu's backends. No device and no compiler of these languages is needed.

use std::collections::HashSet;

use naga::back::{hlsl, msl};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{
    Capabilities as NagaCapabilities, ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator,
};
use naga::{Module, ShaderStage};
use tubelet::gpu::Capabilities;
use tubelet::kernels::{ALL, Family, Variant, render};

use super::{binding_of, cases_of, devices};

/// A language as one of wgpu's backends writes it, with what a shader may use there.
struct Language {
    name: &'static str,
    capabilities: NagaCapabilities,
    write: fn(&Module, &ModuleInfo) -> Result<String, String>,
}

/// What every device of these languages has: halves that are made floats.
const EVERYWHERE: NagaCapabilities = NagaCapabilities::SHADER_FLOAT16_IN_FLOAT32;

/// What kernels may ask a device for. 16-bit and 64-bit words and subgroups exist in Metal's language and in DXC's.
const ALL_OFFERED: NagaCapabilities = EVERYWHERE
    .union(NagaCapabilities::SUBGROUP)
    .union(NagaCapabilities::SUBGROUP_BARRIER)
    .union(NagaCapabilities::SHADER_FLOAT16)
    .union(NagaCapabilities::SHADER_INT64);

const LANGUAGES: [Language; 3] = [
    // macOS 11, the first with 64-bit integers.
    Language { name: "MSL 2.3", capabilities: ALL_OFFERED, write: |module, info| metal(module, info, (2, 3)) },
    // What DXC compiles; 6.2 is the first with 16-bit floats.
    Language {
        name: "HLSL 6.2",
        capabilities: ALL_OFFERED,
        write: |module, info| direct3d(module, info, hlsl::ShaderModel::V6_2),
    },
    // The last that FXC compiles, which every Windows has: none of them exists there.
    Language {
        name: "HLSL 5.1",
        capabilities: EVERYWHERE,
        write: |module, info| direct3d(module, info, hlsl::ShaderModel::V5_1),
    },
];

/// Every variant that a device of the language can be given, and none that it cannot, has a text in the language.
#[test]
fn metal_and_direct3d_can_express_what_their_devices_are_given() {
    let mut faults = Vec::new();
    for language in &LANGUAGES {
        for (family, variant) in ALL.iter().flat_map(|family| family.variants().into_iter().map(move |it| (family, it)))
        {
            for (wgsl, device) in renderings(family, variant) {
                let offered = language.offered(&device);
                // A text with 64-bit words is for devices that have them, and others get another one.
                let missing = (device.int64 != offered.int64 && wgsl.contains("u64"))
                    .then(|| "64-bit integers".to_owned())
                    .or_else(|| variant.missing(&offered));
                match (language.express(&wgsl), missing) {
                    (Ok(_), None) | (Err(_), Some(_)) => {}
                    (Ok(_), Some(missing)) => {
                        faults.push(format!("{} expresses {} without {missing}", language.name, variant.shader.file));
                    }
                    (Err(reason), None) => {
                        faults.push(format!("{}, {}, {}: {reason}", language.name, variant.shader.file, device.name));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Each text that `variant` has in some case on some device, with the first such device.
fn renderings(family: &Family, variant: &'static Variant) -> Vec<(String, Capabilities)> {
    let mut seen = HashSet::new();
    let mut renderings = Vec::new();
    for device in devices() {
        for case in cases_of(family, variant) {
            let plan = case.plan(variant, &device).unwrap_or_else(|unfit| panic!("{unfit}"));
            for launch in plan.launches {
                let wgsl = render(&variant.shader, &launch).unwrap_or_else(|error| panic!("{error}"));
                if seen.insert(wgsl.clone()) {
                    renderings.push((wgsl, device.clone()));
                }
            }
        }
    }
    renderings
}

impl Language {
    /// What of `device` a device that speaks this language has.
    fn offered(&self, device: &Capabilities) -> Capabilities {
        let has = |capability| self.capabilities.contains(capability);
        let mut offered = device.clone();
        offered.f16 &= has(NagaCapabilities::SHADER_FLOAT16);
        offered.int64 &= has(NagaCapabilities::SHADER_INT64);
        offered.matrix_shapes.retain(|_| has(NagaCapabilities::COOPERATIVE_MATRIX));
        offered.subgroup = device.subgroup.filter(|_| has(NagaCapabilities::SUBGROUP));
        offered
    }

    fn express(&self, wgsl: &str) -> Result<String, String> {
        let module = naga::front::wgsl::parse_str(wgsl).map_err(|error| error.emit_to_string(wgsl))?;
        let mut validator = Validator::new(ValidationFlags::all(), self.capabilities);
        if self.capabilities.contains(NagaCapabilities::SUBGROUP) {
            validator.subgroup_stages(ShaderStages::COMPUTE).subgroup_operations(SubgroupOperationSet::all());
        }
        let info = validator.validate(&module).map_err(|error| error.emit_to_string(wgsl))?;
        (self.write)(&module, &info)
    }
}

fn bindings(module: &Module) -> impl Iterator<Item = (naga::ResourceBinding, &naga::GlobalVariable)> {
    let bound = module.global_variables.iter().filter(|(_, global)| binding_of(global).is_some());
    bound.filter_map(|(_, global)| Some((global.binding?, global)))
}

fn metal(module: &Module, info: &ModuleInfo, lang_version: (u8, u8)) -> Result<String, String> {
    let mut resources = msl::EntryPointResources::default();
    for (binding, global) in bindings(module) {
        let target = msl::BindTarget {
            buffer: Some(binding.binding as u8),
            mutable: global.space != naga::AddressSpace::Uniform,
            ..Default::default()
        };
        resources.resources.insert(binding, target);
    }
    resources.sizes_buffer = Some(30);
    let checked = BoundsCheckPolicy::Restrict;
    let options = msl::Options {
        lang_version,
        per_entry_point_map: [("main".to_owned(), resources)].into(),
        bounds_check_policies: BoundsCheckPolicies {
            index: checked,
            buffer: checked,
            image_load: checked,
            binding_array: BoundsCheckPolicy::Unchecked,
        },
        zero_initialize_workgroup_memory: false,
        ..Default::default()
    };
    let entry = msl::PipelineOptions {
        entry_point: Some((ShaderStage::Compute, "main".to_owned())),
        vertex_pulling_transform: true,
        ..Default::default()
    };
    let (text, written) = msl::write_string(module, info, &options, &entry).map_err(|error| error.to_string())?;
    written.entry_point_names.into_iter().collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    Ok(text)
}

fn direct3d(module: &Module, info: &ModuleInfo, shader_model: hlsl::ShaderModel) -> Result<String, String> {
    let target = |register| hlsl::BindTarget { register, restrict_indexing: true, ..Default::default() };
    let options = hlsl::Options {
        shader_model,
        binding_map: bindings(module).map(|(binding, _)| (binding, target(binding.binding))).collect(),
        fake_missing_bindings: false,
        // wgpu passes num_workgroups this way.
        special_constants_binding: Some(hlsl::BindTarget { space: 1, ..target(0) }),
        zero_initialize_workgroup_memory: false,
        ..Default::default()
    };
    let entry = hlsl::PipelineOptions { entry_point: Some((ShaderStage::Compute, "main".to_owned())) };
    let mut text = String::new();
    let written = hlsl::Writer::new(&mut text, &options, &entry).write(module, info, None);
    let written = written.map_err(|error| error.to_string())?;
    written.entry_point_names.into_iter().collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    Ok(text)
}
