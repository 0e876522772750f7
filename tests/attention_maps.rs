//! Maps of attention against products of whole probability matrices, which the naive reference hands out.

mod common;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use common::small::forward_by_references;
use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::engine::{AttentionMaps, AttentionQuery};
use tubelet::graph::Device;
use tubelet::graph::Taps;
use tubelet::tensor::{Closeness, ErrorKind, Tensor, Tolerance};
use tubelet::video::{Clip, Frame, PixelFormat, PreparedClip, Preset};
use tubelet::vivit::{
    AttentionLayer, Classifier, Config, Encoder, FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention,
    FrameMask, HeadOrder, Model, Order, Temporal, Tubelet,
};
use tubelet::{LoadOptions, Pass, Vivit, checkpoint};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    for (name, config) in configs() {
        for (query_name, query) in [("clip", AttentionQuery::Clip), ("token 1,0,2", AttentionQuery::Token([1, 0, 2]))] {
            for (mask_name, mask) in masks() {
                let config = config.clone();
                tests.add_everywhere(format!("rollout of {name}, {query_name}, {mask_name}"), move |device| {
                    rollout(device, &config, query, &mask)
                });
            }
            let config = config.clone();
            tests.add_everywhere(format!("blocks of {name}, {query_name}"), move |device| {
                blocks(device, &config, query)
            });
        }
    }
    tests.add_everywhere("what is not there is an error", wrong_use);
    tests.run("attention maps")
}

/// Clips of 4 temporal indices of 2×3 tokens.
fn base() -> Config {
    let tubelet = Tubelet { frames: 2, rows: 8, columns: 8 };
    let base = Config::named("vit-ti").unwrap();
    let size = base.frames(8).rows(16).columns(24).tubelet(tubelet);
    size.width(24).layers(3).heads(4).hidden(40).classes(5)
}

fn configs() -> Vec<(&'static str, Config)> {
    let of = |model: Model| base().as_model(model);
    let all = Model::all();
    vec![
        ("joint", of(all[0])),
        ("joint, mean", of(all[0]).classifier(Classifier::Mean)),
        ("joint, first token", of(all[0]).classifier(Classifier::FirstToken)),
        ("factorised encoder", of(all[1])),
        ("factorised encoder, mean", of(all[1]).classifier(Classifier::Mean)),
        ("spatial encoder alone", of(FactorisedEncoder::default().temporal(Temporal::Mean).into())),
        ("factorised self-attention", of(all[2])),
        ("time before space", of(FactorisedSelfAttention::default().order(Order::TimeSpace).into())),
        ("factorised dot-product", of(all[3])),
        ("paper's heads", of(FactorisedDotProduct::default().heads(HeadOrder::SpatialFirst).into())),
    ]
}

fn masks() -> [(&'static str, FrameMask); 2] {
    let valid = vec![true, true, true, true, false, false, true, true];
    let mask = FrameMask::new().valid(valid).causal(true);
    [("everything seen", FrameMask::new()), ("masked", mask)]
}

struct Setting {
    model: Vivit,
    clip: PreparedClip,
    probabilities: BTreeMap<String, Tensor>,
}

fn load(device: &Device, config: &Config) -> Result<Vivit, Failed> {
    let options = LoadOptions::new().preset(Preset::Scenic);
    Ok(Vivit::from_checkpoint(device, checkpoint::untrained(config.clone(), 5)?, options)?)
}

fn setting(device: &Device, config: &Config, mask: &FrameMask) -> Result<Setting, Failed> {
    let model = load(device, config)?;
    let frame = |place: usize| {
        let byte = |at: usize| ((at * 5 + place * 37) ^ (at / 11 * (place + 2))) as u8;
        Frame::new(16, 24, PixelFormat::Rgb24, (0..16 * 24 * 3).map(byte).collect()).map(Arc::new)
    };
    let frames = (0..8).map(frame).collect::<Result<_, _>>()?;
    let clip = model.prepare(&Clip::new(frames, (0..8).collect())?)?;
    let pass = Pass::new().taps(Taps::All).mask(mask.clone());
    let parameters = checkpoint::untrained(config.clone(), 5)?.parameters;
    let probabilities = forward_by_references(config, parameters, &clip.read(device).wait()?, &pass)?;
    Ok(Setting { model, clip, probabilities })
}

/// A matrix of tokens by tokens.
type Matrix = Vec<Vec<f64>>;

impl Setting {
    fn config(&self) -> &Config {
        self.model.config()
    }

    /// The mean over `heads` (all for `None`) of the probabilities called `name`, as one matrix over the `rows` rows of
    /// the encoder; `place` gives the row of token i of sequence s.
    fn matrix(
        &self,
        name: &str,
        rows: usize,
        heads: Option<usize>,
        place: impl Fn(usize, usize) -> usize,
    ) -> Option<Matrix> {
        let tensor = self.probabilities.get(name)?;
        let [sequences, all, tokens, _] = *tensor.shape().axes() else { panic!("{name}") };
        let values = tensor.as_f32().unwrap();
        let mut matrix = vec![vec![0.0; rows]; rows];
        let chosen: Vec<_> = (0..all).filter(|head| heads.is_none_or(|wanted| wanted == *head)).collect();
        for sequence in 0..sequences {
            for head in &chosen {
                for query in 0..tokens {
                    for key in 0..tokens {
                        let value = values[((sequence * all + head) * tokens + query) * tokens + key];
                        matrix[place(sequence, query)][place(sequence, key)] += f64::from(value) / chosen.len() as f64;
                    }
                }
            }
        }
        Some(matrix)
    }

    /// The matrices of one block, in the order of the forward pass, each with the axis that it is along.
    fn of_block(
        &self,
        encoder: Encoder,
        rows: usize,
        layer: usize,
        head: Option<usize>,
    ) -> Vec<(&'static str, Matrix)> {
        let positions = self.config().grid().spatial();
        let half = self.config().heads / 2;
        let space = move |sequence: usize, token: usize| sequence * positions + token;
        let time = move |sequence: usize, token: usize| token * positions + sequence;
        let name = |axis: &str| format!("{}{axis}attention_probs.{layer}", encoder.prefix());
        let space_of = |head| self.matrix(&name("space."), rows, head, space).map(|matrix| ("space", matrix));
        let time_of = |head| self.matrix(&name("time."), rows, head, time).map(|matrix| ("time", matrix));
        match self.config().model {
            Model::FactorisedSelfAttention(FactorisedSelfAttention { order: Order::SpaceTime, .. }) => {
                [space_of(head), time_of(head)].into_iter().flatten().collect()
            }
            Model::FactorisedSelfAttention(_) => [time_of(head), space_of(head)].into_iter().flatten().collect(),
            Model::FactorisedDotProduct(model) => {
                let first_is_time = model.heads == HeadOrder::TemporalFirst;
                match head {
                    None => [time_of(None), space_of(None)].into_iter().flatten().collect(),
                    Some(head) if (head < half) == first_is_time => time_of(Some(head % half)).into_iter().collect(),
                    Some(head) => space_of(Some(head % half)).into_iter().collect(),
                }
            }
            _ => {
                let tokens = self.probabilities[&name("")].shape().axes()[2];
                let place = move |sequence: usize, token: usize| sequence * tokens + token;
                self.matrix(&name(""), rows, head, place).map(|matrix| ("whole", matrix)).into_iter().collect()
            }
        }
    }

    /// Rollout of an encoder of `rows` rows as a matrix, built up from the first layer.
    fn rolled(&self, encoder: Encoder, rows: usize, layers: usize) -> Matrix {
        let mut product = identity(rows);
        for layer in 0..layers {
            let matrices = self.of_block(encoder, rows, layer, None);
            let steps: Vec<Matrix> = match self.config().model {
                // Its heads attend side by side, in equal numbers.
                Model::FactorisedDotProduct(_) => vec![mix(&matrices[0].1, &matrices[1].1)],
                _ => matrices.into_iter().map(|(_, matrix)| matrix).collect(),
            };
            for step in steps {
                product = multiply(&mix(&step, &identity(rows)), &product);
            }
        }
        product
    }
}

fn identity(rows: usize) -> Matrix {
    (0..rows).map(|row| (0..rows).map(|column| f64::from(u8::from(row == column))).collect()).collect()
}

/// The mean of two matrices.
fn mix(a: &Matrix, b: &Matrix) -> Matrix {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a + b) / 2.0).collect()).collect()
}

fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    let cell = |row: &[f64], column: usize| row.iter().zip(b).map(|(value, other)| value * other[column]).sum();
    a.iter().map(|row| (0..b.len()).map(|column| cell(row, column)).collect()).collect()
}

/// weights · matrix.
fn hand_down(weights: &[f64], matrix: &Matrix) -> Vec<f64> {
    (0..weights.len())
        .map(|column| weights.iter().zip(matrix).map(|(weight, row)| weight * row[column]).sum())
        .collect()
}

/// 1 at one place.
fn one_hot(rows: usize, place: usize) -> Vec<f64> {
    (0..rows).map(|row| f64::from(u8::from(row == place))).collect()
}

const TIMES: usize = 4;
const POSITIONS: usize = 6;
const VALID: [bool; TIMES] = [true, true, false, true];

/// Weights at the top of an encoder over `per_time` tokens of each temporal index.
fn seed(config: &Config, query: AttentionQuery, per_time: usize, masked: bool) -> Vec<f64> {
    let class_token = usize::from(config.class_token());
    let rows = class_token + TIMES * per_time;
    match query {
        AttentionQuery::Token([time, row, column]) => {
            one_hot(rows, class_token + time * per_time + if per_time == 1 { 0 } else { row * 3 + column })
        }
        AttentionQuery::Clip if matches!(config.classifier, Classifier::Token | Classifier::FirstToken) => {
            one_hot(rows, 0)
        }
        _ => {
            let seen: Vec<_> = (0..rows).map(|row| !masked || VALID[row / per_time]).collect();
            let count = seen.iter().filter(|seen| **seen).count() as f64;
            seen.into_iter().map(|seen| if seen { 1.0 / count } else { 0.0 }).collect()
        }
    }
}

/// For each temporal index, the weights that its frame's tokens have for its vector, in Model 2.
fn spatial_shares(setting: &Setting, matrix: &Matrix, query: AttentionQuery) -> Vec<Vec<f64>> {
    let class_token = usize::from(setting.config().class_token());
    let tokens = class_token + POSITIONS;
    let shares = |time: usize| {
        let start = time * tokens;
        let weights: Vec<f64> = match query {
            AttentionQuery::Token([at, row, column]) if at == time => {
                one_hot(TIMES * tokens, start + class_token + row * 3 + column)
            }
            AttentionQuery::Token(_) => vec![0.0; TIMES * tokens],
            AttentionQuery::Clip if class_token == 1 => one_hot(TIMES * tokens, start),
            _ => (0..TIMES * tokens).map(|row| if row / tokens == time { 1.0 / tokens as f64 } else { 0.0 }).collect(),
        };
        hand_down(&weights, matrix)[start + class_token..start + tokens].to_vec()
    };
    (0..TIMES).map(shares).collect()
}

fn compare(what: &str, found: &[f32], expected: &[f64]) -> Result<(), Failed> {
    let expected = Tensor::f32([expected.len()], expected.iter().map(|value| *value as f32).collect())?;
    let found = Tensor::f32([found.len()], found.to_vec())?;
    match Closeness::between(&found, &expected) {
        Some(closeness) if closeness.within(Tolerance::MODEL) => Ok(()),
        closeness => Err(Failed::from(format!("{what}: {closeness:?}"))),
    }
}

fn sums(tokens: &[f64]) -> Vec<f64> {
    tokens.chunks(POSITIONS).map(|frame| frame.iter().sum()).collect()
}

fn ask(
    setting: &Setting,
    layer: AttentionLayer,
    query: AttentionQuery,
    mask: &FrameMask,
) -> Result<AttentionMaps, Failed> {
    let pass = Pass::new().layer(layer).query(query).mask(mask.clone());
    let maps = setting.model.attention(pass.over(&setting.clip))?;
    assert_eq!(maps.map.shape().axes(), [TIMES, 2, 3]);
    assert!(maps.classes.is_some());
    Ok(maps)
}

fn profile_of(maps: AttentionMaps) -> Result<Vec<f32>, Failed> {
    maps.profile.ok_or_else(|| "no profile".into())
}

fn rollout(device: &Device, config: &Config, query: AttentionQuery, mask: &FrameMask) -> Result<Shown, Failed> {
    let setting = setting(device, config, mask)?;
    let masked = mask.valid.is_some();
    let found = ask(&setting, AttentionLayer::Rollout, query, mask)?;
    let class_token = usize::from(config.class_token());
    let (map, profile) = match config.model {
        Model::FactorisedEncoder(model) => {
            let spatial = setting.rolled(Encoder::Spatial, TIMES * (class_token + POSITIONS), config.layers);
            let shares = spatial_shares(&setting, &spatial, query);
            let times = match model.temporal {
                Temporal::Mean => {
                    let count = if masked { 3.0 } else { 4.0 };
                    VALID.map(|valid| if valid || !masked { 1.0 / count } else { 0.0 }).to_vec()
                }
                Temporal::Encoder(size) => {
                    let temporal = setting.rolled(Encoder::Temporal, class_token + TIMES, size.layers);
                    hand_down(&seed(config, query, 1, masked), &temporal)[class_token..].to_vec()
                }
                other => return Err(format!("no rollout of {other:?} is known").into()),
            };
            let scale = |time: usize| if query == AttentionQuery::Clip { times[time] } else { 1.0 };
            let scaled = |(time, shares): (usize, Vec<f64>)| shares.into_iter().map(move |share| share * scale(time));
            let map: Vec<f64> = shares.into_iter().enumerate().flat_map(scaled).collect();
            let profile = if model.temporal == Temporal::Mean { sums(&map) } else { times.clone() };
            (map, profile)
        }
        _ => {
            let matrix = setting.rolled(Encoder::Clip, class_token + TIMES * POSITIONS, config.layers);
            let map = hand_down(&seed(config, query, POSITIONS, masked), &matrix)[class_token..].to_vec();
            let profile = sums(&map);
            (map, profile)
        }
    };
    compare("map", found.map.as_f32()?, &map)?;
    compare("profile", &profile_of(found)?, &profile)?;
    Ok(Shown::Passed)
}

fn blocks(device: &Device, config: &Config, query: AttentionQuery) -> Result<Shown, Failed> {
    let mask = FrameMask::new();
    let setting = setting(device, config, &mask)?;
    let class_token = usize::from(config.class_token());
    for (layer, head) in [(0, None), (2, None), (1, Some(0)), (2, Some(3))] {
        let ask = |encoder: Encoder| {
            let query = match query {
                // The temporal encoder has one token for each temporal index.
                AttentionQuery::Token([time, ..]) if encoder == Encoder::Temporal => {
                    AttentionQuery::Token([time, 0, 0])
                }
                query => query,
            };
            ask(&setting, AttentionLayer::Block { encoder, layer, head }, query, &mask)
        };
        if let Model::FactorisedEncoder(model) = config.model {
            let matrices = setting.of_block(Encoder::Spatial, TIMES * (class_token + POSITIONS), layer, head);
            let shares = spatial_shares(&setting, &matrices[0].1, query).concat();
            let found = ask(Encoder::Spatial)?;
            compare("spatial map", found.map.as_f32()?, &shares)?;
            assert_eq!(found.profile, None);
            if model.temporal != Temporal::Mean {
                let matrices = setting.of_block(Encoder::Temporal, class_token + TIMES, layer, head);
                let times = hand_down(&seed(config, query, 1, false), &matrices[0].1)[class_token..].to_vec();
                let found = ask(Encoder::Temporal)?;
                let even: Vec<_> = times.iter().flat_map(|time| [time / POSITIONS as f64; POSITIONS]).collect();
                compare("temporal map", found.map.as_f32()?, &even)?;
                compare("temporal profile", &profile_of(found)?, &times)?;
            }
            continue;
        }
        let found = ask(Encoder::Clip)?;
        let weights = seed(config, query, POSITIONS, false);
        let handed: BTreeMap<_, _> = setting
            .of_block(Encoder::Clip, class_token + TIMES * POSITIONS, layer, head)
            .into_iter()
            .map(|(axis, matrix)| (axis, hand_down(&weights, &matrix)[class_token..].to_vec()))
            .collect();
        let over_space = handed.get("whole").or(handed.get("space")).or(handed.get("time")).unwrap();
        let over_time = handed.get("time").unwrap_or(over_space);
        compare("map", found.map.as_f32()?, over_space)?;
        compare("profile", &profile_of(found)?, &sums(over_time))?;
    }
    Ok(Shown::Passed)
}

fn wrong_use(device: &Device) -> Result<Shown, Failed> {
    let setting = setting(device, &base().as_model(FactorisedEncoder::default().into()), &FrameMask::new())?;
    let block = |encoder, layer, head| AttentionLayer::Block { encoder, layer, head };
    let token = AttentionQuery::Token;
    let [(_, all), (_, masked)] = masks();
    for (layer, query, mask, culprit) in [
        (AttentionLayer::Rollout, token([4, 0, 0]), &all, "4 temporal indices of 2×3 tokens"),
        (AttentionLayer::Rollout, token([0, 0, 3]), &all, "there is no token 0,0,3"),
        (AttentionLayer::Rollout, token([2, 0, 0]), &masked, "2,0,0 is masked: only the temporal indices 0, 1, 3 "),
        (block(Encoder::Temporal, 1, None), token([0, 1, 1]), &all, "ask for 0,0,0"),
        (
            block(Encoder::Spatial, 3, None),
            AttentionQuery::Clip,
            &all,
            "spatial.0 to spatial.2 and temporal.0 to temporal.3",
        ),
        (block(Encoder::Clip, 0, None), AttentionQuery::Clip, &all, "no layer 0"),
        (block(Encoder::Spatial, 0, Some(4)), AttentionQuery::Clip, &all, "no head 4: the block has 4"),
    ] {
        let pass = Pass::new().layer(layer).query(query).mask(mask.clone());
        let error = setting.model.attention(pass.over(&setting.clip)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(culprit), "{error}");
    }
    // Another model, whose clips are longer.
    let longer = load(device, &base().frames(10))?;
    assert_eq!(longer.seen_frames(&setting.clip).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(setting.model.seen_frames(&setting.clip)?.indices, (0..8).collect::<Vec<_>>());
    Ok(Shown::Passed)
}
