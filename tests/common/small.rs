//! Small models of every kind, with clips for them: sizes are odd, and clips have pixels that fill no tubelet.

use std::collections::BTreeMap;
use std::sync::Arc;

use libtest_mimic::Failed;
use tubelet::checkpoint;
use tubelet::graph::Device;
use tubelet::kernels::{ClipLayout, Selection};
use tubelet::tensor::{Closeness, Tensor, Tolerance};
use tubelet::video::{Clip, Crops, Preparer, Preprocessing};
use tubelet::vivit::{
    self, Config, EncoderSize, FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention, Gelu, HeadOrder,
    Joint, Labelling, Model, Order, Parameters, Request, Temporal, Tubelet,
};
use tubelet::{LoadOptions, Pass, Vivit};

/// Every model with every option of its own.
pub(crate) fn models() -> Vec<(&'static str, Model)> {
    let temporal = Temporal::Encoder(EncoderSize { layers: 1, heads: 3, hidden: 19 });
    vec![
        ("Model 1", Joint.into()),
        ("Model 2", FactorisedEncoder::default().temporal(temporal).into()),
        ("Model 2, mean over time", FactorisedEncoder::default().temporal(Temporal::Mean).into()),
        ("Model 3, space first", FactorisedSelfAttention::default().order(Order::SpaceTime).into()),
        ("Model 3, time first", FactorisedSelfAttention::default().order(Order::TimeSpace).into()),
        ("Model 4, temporal heads first", FactorisedDotProduct::default().heads(HeadOrder::TemporalFirst).into()),
        ("Model 4, spatial heads first", FactorisedDotProduct::default().heads(HeadOrder::SpatialFirst).into()),
    ]
}

/// A small configuration of a model: 4 temporal indices of 2×3 tokens.
pub(crate) fn config(model: Model) -> Config {
    Config::named("vit-b")
        .unwrap()
        .model(model)
        .frames(9)
        .rows(9)
        .columns(17)
        .planes(3)
        .tubelet(Tubelet { frames: 2, rows: 4, columns: 5 })
        .frame_sampling(None)
        .width(12)
        .layers(2)
        .heads(4)
        .hidden(17)
        .classes(5)
        .labelling(Labelling::Single)
        .classifier(model.usual_classifier())
        .layer_norm_eps(1e-6)
        .gelu(Gelu::Tanh)
        .qkv_bias(true)
        .representation_size(None)
}

/// A batch of clips of which no two frames are alike.
pub(crate) fn clips(config: &Config, batch: usize, layout: ClipLayout) -> Result<Tensor, Failed> {
    let shape = vivit::clip_shape(config, &Request::new(batch, layout));
    let values = (0..shape.elements()).map(|place| (place as f32 * 0.37).sin()).collect();
    Ok(Tensor::f32(shape, values)?)
}

/// Random weights, the same for the same names and shapes.
pub(crate) fn parameters(config: &Config) -> Result<Arc<dyn Parameters>, Failed> {
    Ok(checkpoint::untrained(config.clone(), 1)?.parameters)
}

/// A model with these weights on the device.
pub(crate) fn load(device: &Device, config: &Config, parameters: Arc<dyn Parameters>) -> Result<Vivit, Failed> {
    let checkpoint = checkpoint::untrained(config.clone(), 1)?.parameters(parameters);
    Ok(Vivit::from_checkpoint(device, checkpoint, LoadOptions::new())?)
}

/// [`Vivit::forward`] by the naive references.
pub(crate) fn forward_by_references(
    config: &Config,
    parameters: Arc<dyn Parameters>,
    clips: &Tensor,
    pass: &Pass,
) -> tubelet::Result<BTreeMap<String, Tensor>> {
    let checkpoint = checkpoint::untrained(config.clone(), 1)?.parameters(parameters);
    Vivit::from_checkpoint(&Device::references(), checkpoint, LoadOptions::new())?.forward(pass.over(clips))
}

/// Each of `crops` of a clip, prepared by the naive references.
pub(crate) fn crops_by_references(
    clip: &Clip,
    preprocessing: &Preprocessing,
    crops: Crops,
    layout: ClipLayout,
) -> tubelet::Result<Vec<Tensor>> {
    let references = Device::references();
    let automatic = Selection::automatic();
    let preparer = Preparer::with_crops(&references, clip, preprocessing, crops, layout, &automatic).wait()?;
    preparer.prepare_crops(clip).wait()?.iter().map(|crop| crop.read(&references).wait()).collect()
}

/// The middle of a clip, prepared by the naive references.
pub(crate) fn prepared_by_references(
    clip: &Clip,
    preprocessing: &Preprocessing,
    layout: ClipLayout,
) -> tubelet::Result<Tensor> {
    Ok(crops_by_references(clip, preprocessing, Crops::Central, layout)?.remove(0))
}

/// An error that names `what` where two tensors are too far from one another.
pub(crate) fn expect_close(what: &str, actual: &Tensor, expected: &Tensor, tolerance: Tolerance) -> Result<(), Failed> {
    match Closeness::between(actual, expected) {
        Some(closeness) if closeness.within(tolerance) => Ok(()),
        Some(closeness) => Err(Failed::from(format!("{what}: {closeness}"))),
        None => Err(Failed::from(format!("{what}: shapes {} and {}", actual.shape(), expected.shape()))),
    }
}
