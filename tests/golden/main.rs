//! Other people's answers: checkpoints with the tensors that the original implementations computed from them.
//!
//! Every tensor of every folder, on the reference executor and on the device with each kernel variant in turn, to a
//! relative L2 of 1e-5; once more by futures, which block nothing; and those that the naive forward pass has.

#[path = "../common/mod.rs"]
mod common;
mod scenic;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use common::executor::{block_on, both};
use common::small::forward_by_references;
use common::{DeviceTests, Shown, data};
use libtest_mimic::Failed;
use safetensors::{Dtype, SafeTensors};
use tubelet::checkpoint::Checkpoint;
use tubelet::graph::Taps;
use tubelet::kernels::{ALL, Precision, Selection};
use tubelet::tensor::{Closeness, ErrorKind, Tensor, Tolerance};
use tubelet::vivit::{Config, FrameMask, naive};
use tubelet::{LoadOptions, Pass, Vivit, checkpoint};

use scenic::Place;

const FOLDERS: [&str; 17] = [
    "hf-tiny",
    "hf-odd",
    "hf-ragged",
    "hf-sensitive",
    "hf-vit-tiny/video-average-t2-grid4",
    "hf-vit-tiny/video-average-t3-grid3",
    "hf-vit-tiny/video-central-t2-grid3",
    "scenic-model1",
    "scenic-model1-prelogits",
    "scenic-model1-sampling",
    "scenic-model2",
    "scenic-model2-gap",
    "scenic-model2-multihead",
    "scenic-model2-sensitive",
    "scenic-model3",
    "scenic-model3-spacetime-order",
    "scenic-model4",
];

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    let variants = ALL.iter().flat_map(|family| family.variants_at(Precision::F32));
    // A tile of workgroups is held to its edges by the cases of kernels.
    let mut variants: Vec<_> = variants.filter(|variant| variant.tile.is_none()).map(|variant| variant.name).collect();
    variants.sort_unstable();
    variants.dedup();
    for folder in FOLDERS {
        tests.add_without_device(format!("{folder}::reference"), move || {
            let golden = Golden::read(folder)?;
            let checkpoint = checkpoint::load(&golden.folder)?;
            let pass = golden.pass(&checkpoint);
            let found = forward_by_references(&checkpoint.config, checkpoint.parameters, &golden.clip, &pass)?;
            golden.compare(&found, &checkpoint.config)
        });
        tests.add_without_device(format!("{folder}::naive"), move || {
            let golden = Golden::read(folder)?;
            let Checkpoint { provenance, config, parameters, .. } = checkpoint::load(&golden.folder)?;
            let found =
                naive::forward(&config, &*parameters, &golden.clip, provenance.layout(), &FrameMask::default())?;
            let known = |name: &&str| golden.place(name, &config).is_some_and(|place| found.contains_key(&place.tap));
            let names: Vec<_> = golden.expected.keys().map(String::as_str).filter(known).collect();
            assert!(names.contains(&"logits"), "{names:?}");
            golden.compare_some(&found, &config, &names)
        });
        tests.add_everywhere(format!("{folder}::device"), move |device| {
            on_device(folder, device, Selection::automatic())
        });
        tests.add_everywhere(format!("{folder}::awaited"), move |device| block_on(awaited(folder, device)));
        for variant in variants.clone() {
            tests.add(format!("{folder}::{variant}"), move |device| on_device(folder, device, variant.parse()?));
        }
        tests.add(format!("{folder}::without subgroups in small bindings"), move |device| {
            let gpu = device.gpu().ok_or("the device runs no WGSL")?;
            let small = gpu.restricted(|capabilities| {
                capabilities.subgroup = None;
                capabilities.limits.binding_bytes = 96 << 10;
            });
            on_device(folder, &small.into(), Selection::automatic())
        });
    }
    tests.run("golden")
}

fn on_device(folder: &str, device: &tubelet::Device, variants: Selection) -> Result<Shown, Failed> {
    let golden = Golden::read(folder)?;
    let options = LoadOptions::new().variants(variants);
    let checkpoint = checkpoint::load(&golden.folder)?;
    let pass = golden.pass(&checkpoint);
    let model = Vivit::from_checkpoint(device, checkpoint, options)?;
    // Fused as it runs when nothing is looked at, then with every value.
    let fused = match model.forward(&golden.clip) {
        Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(Shown::Unsupported),
        fused => fused?,
    };
    golden.compare_some(&fused, model.config(), &["logits"])?;
    golden.compare(&model.forward(pass.over(&golden.clip))?, model.config())?;
    Ok(Shown::Passed)
}

/// Both passes at once, in a thread in which every call that waits for a device is an error.
async fn awaited(folder: &str, device: &tubelet::Device) -> Result<Shown, Failed> {
    let golden = Golden::read(folder)?;
    let checkpoint = checkpoint::load(&golden.folder)?;
    let pass = golden.pass(&checkpoint);
    let model = Vivit::from_checkpoint(device, checkpoint, LoadOptions::new())?;
    let tapped = pass.over(&golden.clip);
    let (fused, tapped) = both(model.forward_async(&golden.clip), model.forward_async(tapped)).await;
    golden.compare_some(&fused?, model.config(), &["logits"])?;
    golden.compare(&tapped?, model.config())?;
    assert_eq!(model.forward(&golden.clip).unwrap_err().kind(), ErrorKind::Usage, "this thread may not wait");
    Ok(Shown::Passed)
}

/// A folder with a checkpoint, a clip, and what a model makes of it.
struct Golden {
    folder: String,
    clip: Tensor,
    expected: BTreeMap<String, Tensor>,
}

impl Golden {
    fn read(folder: &str) -> Result<Self, Failed> {
        let path = data(folder);
        let file = std::fs::read(path.join("expected.safetensors"))?;
        let tensors = SafeTensors::deserialize(&file)?;
        let mut expected = BTreeMap::new();
        for (name, view) in tensors.tensors() {
            if view.dtype() == Dtype::F32 {
                let values = bytemuck::pod_collect_to_vec(view.data());
                expected.insert(name, Tensor::f32(view.shape(), values)?);
            }
        }
        let clip = read_clip(&path.join("clip.npy"))?;
        Ok(Self { folder: path.display().to_string(), clip, expected })
    }

    /// Everything that was recorded, tapped.
    fn pass(&self, checkpoint: &Checkpoint) -> Pass {
        let taps = self.expected.keys().filter_map(|name| self.place(name, &checkpoint.config));
        Pass::new().layout(checkpoint.provenance.layout()).taps(Taps::Names(taps.map(|place| place.tap).collect()))
    }

    fn place(&self, name: &str, config: &Config) -> Option<Place> {
        if self.folder.contains("scenic-") { Place::of(name, config) } else { Some(Place::ours(name)) }
    }

    fn compare(&self, found: &BTreeMap<String, Tensor>, config: &Config) -> Result<(), Failed> {
        let names: Vec<_> = self.expected.keys().map(String::as_str).collect();
        self.compare_some(found, config, &names)
    }

    fn compare_some(&self, found: &BTreeMap<String, Tensor>, config: &Config, names: &[&str]) -> Result<(), Failed> {
        let mut wrong = Vec::new();
        for name in names {
            let expected = &self.expected[*name];
            let place = self.place(name, config).ok_or_else(|| format!("nothing is known of {name}"))?;
            let found = place.read(found, config, expected)?;
            match Closeness::between(&found, expected) {
                None => wrong.push(format!("{name} has shape {}", found.shape())),
                Some(closeness) if !closeness.within(Tolerance::MODEL) => wrong.push(format!("{name}: {closeness}")),
                Some(_) => {}
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Failed::from(wrong.join("\n"))) }
    }
}

fn read_clip(path: &Path) -> Result<Tensor, Failed> {
    let array = npyz::NpyFile::new(std::io::BufReader::new(std::fs::File::open(path)?))?;
    let shape: Vec<_> = array.shape().iter().map(|size| *size as usize).collect();
    Ok(Tensor::f32(shape, array.into_vec::<f32>()?)?)
}
