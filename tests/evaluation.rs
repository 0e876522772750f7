//! Views of a video on the device, and whole evaluations of models with random weights.

mod common;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use common::small::{config, crops_by_references, expect_close, load, parameters};
use common::{DeviceTests, ModelTest};
use npyz::WriterBuilder;
use tempfile::TempDir;
use tubelet::engine::{Average, Classes, Views};
use tubelet::eval::{
    ClassNames, Evaluation, Item, Manifest, Metrics, Protocol, Row, Run, Shard, Summary, Task, VideoOutcome,
    VideoPipeline, merge, read_results,
};
use tubelet::graph::Device;
use tubelet::kernels::Selection;
use tubelet::tensor::{Error, ErrorKind, Tensor, Tolerance};
use tubelet::video::{Clip, Crops, Frame, OpenOptions, PixelFormat, Preparer, Preset};
use tubelet::vivit::{FactorisedEncoder, FrameMask, Joint, LabelHead, Labelling, Temporal};
use tubelet::{LoadOptions, Pass, Vivit, checkpoint};

const TESTS: [ModelTest; 6] = [
    ("three crops are those of the references", three_crops),
    ("views are their clips one by one", views_one_by_one),
    ("views are averaged by logits or probabilities", averages),
    ("views are masked alike", masked_views),
    ("views that cannot be are refused", impossible_views),
    ("an evaluation killed twice, and in shards", interrupted_and_in_shards),
];

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    tests.add_all_models(&TESTS);
    tests.run("evaluation")
}

/// A clip of random pictures.
fn clip(frames: usize, [height, width]: [usize; 2], seed: usize) -> Clip {
    let byte = |place: usize| (((place + seed * 7919) as f32 * 0.61).sin() * 127.0 + 128.0) as u8;
    let frame = |number: usize| {
        let bytes = (0..height * width * 3).map(|place| byte(place + number * 104_729)).collect();
        Arc::new(Frame::new(height, width, PixelFormat::Rgb24, bytes).unwrap())
    };
    Clip::new((0..frames).map(frame).collect(), (0..frames).collect()).unwrap()
}

fn three_crops(device: &Device) {
    for (size, preset) in [([23, 61], Preset::Scenic), ([61, 23], Preset::HfCorrected), ([18, 18], Preset::HfDefault)] {
        let clip = clip(5, size, 0);
        let preprocessing = preset.preprocessing([9, 17]).unwrap();
        let layout = tubelet::kernels::ClipLayout::Bthwc;
        let automatic = Selection::automatic();
        let preparer =
            Preparer::with_crops(device, &clip, &preprocessing, Crops::Three, layout, &automatic).wait().unwrap();
        let prepared = preparer.prepare_crops(&clip).wait().unwrap();
        let expected = crops_by_references(&clip, &preprocessing, Crops::Three, layout).unwrap();
        assert_eq!((prepared.len(), expected.len()), (3, 3));
        for (crop, expected) in prepared.iter().zip(&expected) {
            assert_eq!(crop.read(device).wait().unwrap(), *expected, "{size:?}, {preset}");
        }
        assert!(expected[0] != expected[1] && expected[1] != expected[2], "{size:?}, {preset}");
    }
}

fn model(device: &Device, labelling: Labelling) -> Vivit {
    let config = config(Joint.into()).labelling(labelling);
    load(device, &config, parameters(&config).unwrap()).unwrap()
}

const TWO_BY_THREE: Views = Views { clips: 2, crops: Crops::Three };

fn clips_of(model: &Vivit) -> Vec<Clip> {
    (0..2).map(|seed| clip(model.config().frames, [23, 61], seed + 1)).collect()
}

/// What `forward` gives for each crop of each clip, in scenic's order.
fn one_by_one(model: &Vivit, clips: &[Clip], mask: &FrameMask) -> Vec<Tensor> {
    let forward = |crop: usize, clip: &Clip| {
        let crops = crops_by_references(clip, model.preprocessing(), Crops::Three, model.layout()).unwrap();
        let pass = Pass::new().mask(mask.clone());
        model.forward(pass.over(&crops[crop])).unwrap().remove("logits").unwrap()
    };
    (0..3).flat_map(|crop| clips.iter().map(move |clip| forward(crop, clip))).collect()
}

fn two_by_three() -> Pass {
    Pass::new().views(TWO_BY_THREE)
}

fn expect_views(model: &Vivit, mask: &FrameMask) {
    let clips = clips_of(model);
    let found = model.view_logits(two_by_three().mask(mask.clone()).over(&clips)).unwrap();
    let expected = one_by_one(model, &clips, mask);
    assert_eq!((found.len(), expected.len()), (6, 6));
    for (place, (found, expected)) in found.into_iter().zip(&expected).enumerate() {
        let found = Tensor::f32([1, found.len()], found).unwrap();
        expect_close(&format!("view {place}"), &found, expected, Tolerance::MODEL).unwrap();
    }
    assert!(expected.windows(2).all(|pair| pair[0] != pair[1]), "views that tell nothing apart");
}

fn views_one_by_one(device: &Device) {
    expect_views(&model(device, Labelling::Single), &FrameMask::new());
}

fn masked_views(device: &Device) {
    let valid: Vec<_> = (0..9).map(|frame| frame != 3 && frame < 6).collect();
    expect_views(&model(device, Labelling::Single), &FrameMask::new().valid(valid).causal(true));
}

fn averages(device: &Device) {
    let head = |name: &str, classes| LabelHead { name: name.to_owned(), classes };
    for labelling in [Labelling::Single, Labelling::Multiple, Labelling::Heads(vec![head("noun", 3), head("verb", 2)])]
    {
        let model = model(device, labelling.clone());
        let clips = clips_of(&model);
        let views = model.view_logits(two_by_three().over(&clips)).unwrap();
        let of_view = |view: &Vec<f32>| Classes::new(view, &labelling, None).unwrap();
        let classes = |average| model.classify(two_by_three().average(average).over(&clips)).unwrap();
        for class in 0..5 {
            let logits = views.iter().map(|view| view[class]).sum::<f32>() / 6.0;
            let probabilities = views.iter().map(|view| of_view(view).all()[class].probability).sum::<f32>() / 6.0;
            approx::assert_relative_eq!(classes(Average::Logits).all()[class].logit, logits, epsilon = 1e-5);
            let found = classes(Average::Probabilities).all()[class].probability;
            approx::assert_relative_eq!(found, probabilities, epsilon = 1e-5);
        }
    }
}

fn impossible_views(device: &Device) {
    let model = model(device, Labelling::Single);
    let clips = clips_of(&model);
    let error = model.view_logits(two_by_three().over(&clips[..1])).unwrap_err();
    assert!(error.to_string().contains("2x3"), "{error}");
    let headless = config(Joint.into()).classes(0);
    let headless = load(device, &headless, parameters(&headless).unwrap()).unwrap();
    let error = headless.view_logits(two_by_three().over(&clips)).unwrap_err();
    assert!(error.to_string().contains("no classification head"), "{error}");
    let short = vec![clip(4, [23, 61], 0), clip(4, [23, 61], 1)];
    assert!(model.view_logits(two_by_three().over(&short)).is_err());
}

/// Videos of the manifest.
const VIDEOS: usize = 240;

/// A folder of tiny videos with a manifest, every 40th of them damaged.
fn data_set() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = "path,label\n".to_owned();
    for number in 0..VIDEOS {
        let name = format!("{number}.npy");
        write_video(&folder.path().join(&name), 6 + number % 23, number);
        if number % 40 == 7 {
            let bytes = std::fs::read(folder.path().join(&name)).unwrap();
            std::fs::write(folder.path().join(&name), &bytes[..bytes.len() - 9]).unwrap();
        }
        manifest += &format!("{name},{}\n", number * number % 7);
    }
    std::fs::write(folder.path().join("manifest.csv"), manifest).unwrap();
    folder
}

fn write_video(path: &Path, frames: usize, seed: usize) {
    let [height, width] = [[20, 31], [33, 18]][seed % 2];
    let file = std::fs::File::create(path).unwrap();
    let shape = [frames, height, width, 3].map(|side| side as u64);
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd().unwrap();
    let byte = |place: usize| (((place % 977 + seed * 31) as f32 * 0.13).sin() * 127.0 + 128.0) as u8;
    writer.extend((0..frames * height * width * 3).map(byte)).unwrap();
    writer.finish().unwrap();
}

/// A model of 7 classes for clips of 4 frames.
fn tiny(device: &Device) -> Vivit {
    let model = FactorisedEncoder::default().temporal(Temporal::Mean).into();
    let config = config(model).frames(4).columns(10).layers(1).classes(7);
    Vivit::from_checkpoint(device, checkpoint::untrained(config, 3).unwrap(), LoadOptions::new()).unwrap()
}

struct Job<'a> {
    model: &'a Vivit,
    manifest: &'a Manifest,
    output: PathBuf,
}

impl Job<'_> {
    /// Evaluates a shard until `most` rows are written; the figures where it is finished.
    fn go(&self, shard: Shard, most: usize) -> Option<Summary> {
        let protocol = Protocol::new(TWO_BY_THREE);
        let run = Run::new(self.model, &protocol, self.manifest, shard).unwrap();
        let mut evaluation = Evaluation::open(self.manifest, run, &self.output, true).unwrap();
        let sampling = protocol.views.sampling(self.model.config().frames, protocol.stride);
        let decode = move |item: &Item| item.open(&OpenOptions::new())?.clips(&sampling);
        let decode = Box::new(decode);
        let labelling = &self.model.config().labelling;
        let mut compute = |clips: Vec<Clip>| {
            let views = self.model.view_logits(two_by_three().over(&clips))?;
            protocol.average.of(&views, labelling)
        };
        let pipeline = VideoPipeline::new(2, decode, &mut compute);
        let mut written = 0;
        let outcome = evaluation.finish(pipeline, &mut |_, _| {
            written += 1;
            if written == most { Err(Error::new(ErrorKind::DeviceLost, "killed")) } else { Ok(()) }
        });
        assert_eq!(outcome.is_ok(), evaluation.remaining() == 0);
        outcome.ok().map(|()| evaluation.metrics().summary())
    }

    /// The rows without their times.
    fn rows(&self) -> Vec<Row> {
        let (_, rows) = read_results(&self.output).unwrap();
        rows.into_iter().map(|row| row.seconds(0.0)).collect()
    }
}

fn interrupted_and_in_shards(device: &Device) {
    let (folder, model) = (data_set(), tiny(device));
    let task = Task::of(model.config()).unwrap();
    let path = folder.path().join("manifest.csv");
    let manifest = Manifest::read(&path, None, None, &task, &ClassNames::none(&task)).unwrap();
    let job = |name: &str| Job { model: &model, manifest: &manifest, output: folder.path().join(name) };

    let whole = job("whole.jsonl");
    let summary = whole.go(Shard::WHOLE, usize::MAX).unwrap();
    let rows = whole.rows();
    assert!(rows.iter().map(|row| row.row).eq(0..VIDEOS));
    assert_eq!((summary.videos, summary.failed), (VIDEOS - 6, 6));
    expect_counted(&summary, &rows);

    let interrupted = job("interrupted.jsonl");
    assert!(interrupted.go(Shard::WHOLE, 70).is_none());
    tear(&interrupted.output);
    assert!(interrupted.go(Shard::WHOLE, 55).is_none());
    assert_eq!(interrupted.go(Shard::WHOLE, usize::MAX).unwrap(), summary);
    assert_eq!(interrupted.rows(), rows);

    let shards: Vec<PathBuf> = (1..=3)
        .map(|number| {
            let shard = job(&format!("shard{number}.jsonl"));
            shard.go(Shard::new(number, 3).unwrap(), usize::MAX).unwrap();
            shard.output
        })
        .collect();
    let (_, merged) = merge(&shards).unwrap();
    assert_eq!(Metrics::of(&task, &merged).unwrap().summary(), summary);
    let merged: Vec<Row> = merged.into_iter().map(|row| row.seconds(0.0)).collect();
    assert_eq!(merged, rows);
}

/// Cuts the last row off in the middle, as a kill while it is written does.
fn tear(path: &Path) {
    let length = std::fs::metadata(path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length - 30).unwrap();
}

/// Top-1 and top-5, counted from the logits anew.
fn expect_counted(summary: &Summary, rows: &[Row]) {
    let right = |most: usize| {
        let among = rows.iter().filter(|row| match &row.outcome {
            VideoOutcome::Done(prediction) => {
                let own = prediction.logits[row.labels[0]];
                prediction.logits.iter().filter(|logit| **logit > own).count() < most
            }
            _ => false,
        });
        among.count() as f64 / summary.videos as f64
    };
    for (name, most) in [("top-1", 1), ("top-5", 5)] {
        let found = summary.figures.iter().find(|figure| figure.name == name).unwrap().value.unwrap();
        approx::assert_relative_eq!(found, right(most), epsilon = 1e-12);
    }
    assert!(right(1) < right(5) && right(5) < 1.0, "figures that could not be wrong");
}
