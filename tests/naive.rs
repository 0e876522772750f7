//! Every model with every switch and mask, computed three times: by the naive forward pass, which shares nothing with
//! the others, by the reference executor, and on the device.

mod common;

use std::collections::BTreeMap;
use std::process::ExitCode;

use common::small::{clips, config, expect_close, forward_by_references, load, models, parameters};
use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::Pass;
use tubelet::graph::Device;
use tubelet::graph::Taps;
use tubelet::kernels::ClipLayout;
use tubelet::kernels::attention::EmptyRow;
use tubelet::tensor::{Closeness, ErrorKind, Tensor, Tolerance};
use tubelet::vivit::{
    Classifier, Config, FrameMask, FrameSampling, Gelu, Model, Temporal, Tubelet, TubeletRule, naive,
};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    for case in cases() {
        let (name, by_graph) = (case.name.clone(), case.clone());
        tests.add_without_device(format!("{name}::reference"), move || by_graph.reference());
        tests.add_everywhere(format!("{name}::device"), move |device| case.device(device));
    }
    tests.add_without_device("every switch shows", every_switch_shows);
    tests.add_without_device("every mask shows", every_mask_shows);
    tests.add_without_device("layouts of a clip agree", layouts_agree);
    tests.add_without_device("sampled frames are a clip of their own", sampled_frames);
    tests.add_without_device("wrong input is an error", wrong_input);
    tests.run("naive")
}

const BATCH: usize = 2;

/// A model, and what of its clips is not seen.
#[derive(Clone)]
struct Case {
    name: String,
    config: Config,
    mask: FrameMask,
}

impl Case {
    fn naive(&self) -> Result<BTreeMap<String, Tensor>, Failed> {
        let clips = clips(&self.config, BATCH, ClipLayout::Btchw)?;
        let parameters = parameters(&self.config)?;
        Ok(naive::forward(&self.config, &*parameters, &clips, ClipLayout::Btchw, &self.mask)?)
    }

    fn reference(&self) -> Result<(), Failed> {
        let clips = clips(&self.config, BATCH, ClipLayout::Btchw)?;
        let pass = self.pass().taps(Taps::All);
        let found = forward_by_references(&self.config, parameters(&self.config)?, &clips, &pass)?;
        expect_all_close(&found, &self.naive()?)
    }

    fn device(&self, device: &Device) -> Result<Shown, Failed> {
        let clips = clips(&self.config, BATCH, ClipLayout::Btchw)?;
        let model = load(device, &self.config, parameters(&self.config)?)?;
        let expected = self.naive()?;
        // Fused as it runs when nothing is looked at, then with every value.
        for (name, found) in model.forward(self.pass().over(&clips))? {
            expect_close(&name, &found, &expected[&name], Tolerance::MODEL)?;
        }
        expect_all_close(&model.forward(self.pass().taps(Taps::All).over(&clips))?, &expected)?;
        Ok(Shown::Passed)
    }

    fn pass(&self) -> Pass {
        Pass::new().mask(self.mask.clone())
    }
}

fn expect_all_close(found: &BTreeMap<String, Tensor>, expected: &BTreeMap<String, Tensor>) -> Result<(), Failed> {
    for (name, expected) in expected {
        let found = found.get(name).ok_or_else(|| Failed::from(format!("{name} is missing")))?;
        expect_close(name, found, expected, Tolerance::MODEL)?;
    }
    Ok(())
}

/// The classifiers that a model can have.
fn classifiers(model: Model) -> Vec<Classifier> {
    let all = [Classifier::Token, Classifier::FirstToken, Classifier::Mean, Classifier::Max, Classifier::Sum];
    let valid = |classifier: &Classifier| config(model).classifier(*classifier).validate().is_ok();
    all.into_iter().filter(valid).collect()
}

/// Patches of some frames instead of tubelets of all.
fn sampled(model: Model, sampling: FrameSampling) -> Config {
    let tubelet = Tubelet { frames: 1, rows: 3, columns: 17 };
    config(model).tubelet(tubelet).frame_sampling(Some(sampling))
}

/// Every switch that models share, one at a time.
fn switches(model: Model) -> Vec<(String, Config)> {
    let base = || config(model);
    let sampled = |frames| sampled(model, FrameSampling::new(frames));
    let quirk = Some(FrameSampling::new(2).arange_quirk(true));
    let classifiers = classifiers(model).into_iter();
    let mut switches: Vec<_> =
        classifiers.map(|classifier| (format!("{classifier:?}"), base().classifier(classifier))).collect();
    let others = [
        ("erf", base().gelu(Gelu::Erf)),
        ("no qkv bias", base().qkv_bias(false)),
        ("another eps", base().layer_norm_eps(1e-2)),
        ("representation layer", base().representation_size(Some(9))),
        ("no head", base().classes(0)),
        ("sampled frames", sampled(4)),
        // Of 8 frames the original takes one more than the two asked for.
        ("sampled frames with the quirk", sampled(2).frames(8).frame_sampling(quirk)),
        ("all frames sampled", sampled(10)),
        ("one temporal index", base().frames(3)),
        ("one position", base().tubelet(Tubelet { frames: 2, rows: 9, columns: 17 })),
    ];
    switches.extend(others.map(|(name, config)| (name.to_owned(), config)));
    switches
}

/// Clips whose valid frames differ: of the first the second tubelet is invalid, of the other the first, a frame of
/// which is valid.
const VALID: [u8; 9 * BATCH] = [1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1];

fn masks() -> Vec<(&'static str, FrameMask)> {
    let holes = || FrameMask::new().valid(VALID.map(|frame| frame == 1).to_vec());
    let uniform = EmptyRow::Uniform;
    vec![
        ("holes", holes()),
        ("holes by any frame", holes().tubelets(TubeletRule::Any)),
        ("causal", FrameMask::new().causal(true)),
        ("causal with holes", holes().causal(true)),
        ("causal with holes, uniform", holes().causal(true).empty_row(uniform)),
    ]
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (title, model) in models() {
        for (switch, config) in switches(model) {
            cases.push(Case { name: format!("{title}::{switch}"), config, mask: FrameMask::new() });
        }
        for classifier in classifiers(model) {
            for (name, mask) in masks() {
                let name = format!("{title}::{classifier:?}::{name}");
                cases.push(Case { name, config: config(model).classifier(classifier), mask });
            }
        }
        for (name, mask) in masks() {
            let config = sampled(model, FrameSampling::new(4));
            cases.push(Case { name: format!("{title}::sampled frames::{name}"), config, mask });
        }
    }
    cases
}

/// How far the naive values of two cases are from one another, as seen in the one that shows it best.
fn distance(case: &Case, other: &Case) -> Result<f64, Failed> {
    let (found, expected) = (case.naive()?, other.naive()?);
    let distance = |(name, found): (&String, &Tensor)| {
        let closeness = expected.get(name).and_then(|expected| Closeness::between(found, expected));
        closeness.map_or(f64::INFINITY, |closeness| closeness.relative_l2)
    };
    Ok(found.iter().map(distance).fold(0.0, f64::max))
}

/// No two of the cases are so close that one could pass for the other. The two forms of GELU come closest.
fn expect_apart(cases: &[Case]) -> Result<(), Failed> {
    for (place, case) in cases.iter().enumerate() {
        for other in &cases[..place] {
            let distance = distance(case, other)?;
            if distance < 10.0 * Tolerance::MODEL.relative_l2 {
                return Err(Failed::from(format!("{} is {} within {distance:e}", case.name, other.name)));
            }
        }
    }
    Ok(())
}

fn every_switch_shows() -> Result<(), Failed> {
    let of = |name: &str, config| Case { name: name.to_owned(), config, mask: FrameMask::new() };
    expect_apart(&models().into_iter().map(|(name, model)| of(name, config(model))).collect::<Vec<_>>())?;
    for (title, model) in models() {
        // Without a head all is as it was with one, as far as it goes.
        let switches = switches(model).into_iter().filter(|(_, config)| config.classes > 0);
        expect_apart(&switches.map(|(name, config)| of(&format!("{title}, {name}"), config)).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn every_mask_shows() -> Result<(), Failed> {
    for (title, model) in models() {
        let unmasked = ("unmasked", FrameMask::new());
        // Without attention over time nothing is causal.
        let causal = !matches!(model, Model::FactorisedEncoder(model) if model.temporal == Temporal::Mean);
        let masks = [unmasked].into_iter().chain(masks()).filter(|(_, mask)| causal || !mask.causal);
        let of = |(name, mask)| Case { name: format!("{title}, {name}"), config: config(model), mask };
        expect_apart(&masks.map(of).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn layouts_agree() -> Result<(), Failed> {
    let config = config(models()[0].1);
    let planes_last = clips(&config, BATCH, ClipLayout::Bthwc)?;
    let values = planes_last.as_f32()?;
    let pixels = config.rows * config.columns;
    let mut planes_first = Vec::new();
    for frame in values.chunks(pixels * config.planes) {
        for plane in 0..config.planes {
            planes_first.extend((0..pixels).map(|pixel| frame[pixel * config.planes + plane]));
        }
    }
    let planes_first = Tensor::f32(clips(&config, BATCH, ClipLayout::Btchw)?.shape().clone(), planes_first)?;
    let parameters = parameters(&config)?;
    let forward = |clips, layout| naive::forward(&config, &*parameters, clips, layout, &FrameMask::new());
    assert_eq!(forward(&planes_last, ClipLayout::Bthwc)?, forward(&planes_first, ClipLayout::Btchw)?);
    Ok(())
}

/// With frame sampling a model computes of a clip what it computes without of a clip of the sampled frames.
fn sampled_frames() -> Result<(), Failed> {
    for (title, model) in models() {
        let sampled = sampled(model, FrameSampling::new(3));
        let plain = sampled.clone().frames(3).frame_sampling(None);
        let whole = clips(&sampled, 1, ClipLayout::Btchw)?;
        let frame = whole.shape().elements() / sampled.frames;
        // Spaced by 9/4: at 2.25, 4.5 and 6.75, halves to even.
        let picked = [2, 4, 7].map(|place| &whole.as_f32().unwrap_or_default()[place * frame..][..frame]).concat();
        let picked = Tensor::f32(clips(&plain, 1, ClipLayout::Btchw)?.shape().clone(), picked)?;

        let mut valid = vec![false; 9];
        [2, 7].into_iter().for_each(|frame| valid[frame] = true);
        let mask = |valid| FrameMask::new().valid(valid);
        let forward = |config: &Config, clip, valid| -> Result<_, Failed> {
            Ok(naive::forward(config, &*parameters(config)?, clip, ClipLayout::Btchw, &mask(valid))?)
        };
        let found = forward(&sampled, &whole, valid)?;
        assert_eq!(found, forward(&plain, &picked, vec![true, false, true])?, "{title}");
        assert_ne!(found, forward(&plain, &picked, vec![true; 3])?, "{title}");
    }
    Ok(())
}

fn wrong_input() -> Result<(), Failed> {
    let config = config(models()[0].1);
    let right = clips(&config, BATCH, ClipLayout::Btchw)?;
    let parameters = parameters(&config)?;
    let refused = |config: &Config, clips: &Tensor, valid: &[bool], culprit: &str| -> Result<(), Failed> {
        let mask = FrameMask::new().valid(valid.to_vec());
        let found = naive::forward(config, &*parameters, clips, ClipLayout::Btchw, &mask);
        let error = found.err().ok_or_else(|| Failed::from(format!("no error about {culprit}")))?;
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(culprit), "{error}");
        Ok(())
    };
    let short = Tensor::f32([1, 8, 3, 9, 17], vec![0.0; 8 * 3 * 9 * 17])?;
    refused(&config, &short, &[true; 9], "[1, 8, 3, 9, 17]")?;
    refused(&config, &right, &[true; 9], "2 clips have 18")?;
    let second_empty: Vec<_> = (0..18).map(|frame| frame < 10).collect();
    refused(&config, &right, &second_empty, "clip 1 has no valid tubelet")?;
    refused(&config.clone().heads(5), &right, &[true; 18], "5 heads")?;
    refused(&config.clone().hidden(18), &right, &[true; 18], "Dense_0.kernel has 204 elements, but 216")
}
