//! One forward pass: classes, features, or any value inside.

use std::collections::BTreeMap;

use super::outcome::{Named, Outcome};
use super::{ClipPass, Pass, Vivit};
use crate::gpu::Pending;
use crate::graph::{Feed, Graph, Memory, Taps, Value};
use crate::kernels::ClipLayout;
use crate::tensor::{Error, Result, Tensor};
use crate::video::PreparedClip;
use crate::vivit::{self, Config, FrameMask, ModelInput, Recording, Request};

/// Which values of a recording a verb returns, and under which names.
pub(super) type Wanted = fn(&Config, &Recording, &Request) -> Result<Vec<(String, Value)>>;

/// The name under which [`Vivit::taps`] returns what the head sees.
pub(super) const FEATURES: &str = "features";
pub(super) const LOGITS: &str = "logits";

impl Vivit {
    /// What the head sees of each clip, `[B, C]`: the pooled output of the encoder, or of the representation layer.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit, clips: &[tubelet::video::Clip]) -> tubelet::Result<()> {
    /// let features = model.features(clips)?; // [B, C]
    /// for (index, vector) in features.as_f32()?.chunks(features.shape().last()).enumerate() {
    ///     println!("clip {index}: {} numbers", vector.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A clip of another size than the model's; a pass with taps or of several views.
    pub fn features_async<'a>(&'a self, clip: impl Into<ClipPass<'a>>) -> Pending<'a, Tensor> {
        let ClipPass { pass, input } = clip.into();
        Pending::new(async move {
            pass.without_taps("features")?;
            let found: Named<Tensor> = self.values("features", &pass, input, features_and_taps).await?;
            found.into_values().next().ok_or_else(|| Error::usage("the model's features are missing"))
        })
    }

    /// What the head sees of each clip under the name `features`, `[B, C]`, and every value that is tapped.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit, clip: &tubelet::video::Clip) -> tubelet::Result<()> {
    /// use tubelet::Pass;
    ///
    /// let found = model.taps(Pass::new().tap("hidden_state.4").over(clip))?;
    /// println!("{} {}", found["features"].shape(), found["hidden_state.4"].shape());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A clip of another size than the model's; several views; a tap that the model does not have, with those it has.
    pub fn taps_async<'a>(&'a self, clip: impl Into<ClipPass<'a>>) -> Pending<'a, BTreeMap<String, Tensor>> {
        let ClipPass { pass, input } = clip.into();
        Pending::new(async move { self.values("taps", &pass, input, features_and_taps).await })
    }

    /// The output of the head, `logits` `[B, K]`, with every value that is tapped. A model without a head gives what
    /// the head would see, by that value's name.
    ///
    /// A batch that the device's buffers do not hold is computed in parts.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit) -> tubelet::Result<()> {
    /// use tubelet::tensor::Element;
    /// use tubelet::vivit::{Request, clip_shape};
    /// use tubelet::{Pass, Tensor};
    ///
    /// // Two clips as the model takes them: [B, F, P, Y, X] or [B, F, Y, X, P].
    /// let clips = Tensor::zeros(clip_shape(model.config(), &Request::new(2, model.layout())), Element::F32);
    /// let found = model.forward(Pass::new().tap("hidden_state.4").over(&clips))?;
    /// println!("{} {}", found["logits"].shape(), found["hidden_state.4"].shape());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Clips of another size than the model's; several views; a tap that the model does not have, with those it has.
    pub fn forward_async<'a>(&'a self, clips: impl Into<ClipPass<'a>>) -> Pending<'a, BTreeMap<String, Tensor>> {
        let ClipPass { pass, input } = clips.into();
        Pending::new(async move { self.values("forward", &pass, input, output_and_taps).await })
    }

    /// The values of [`forward_async`](Self::forward_async), left on the device for kernels of the application: nothing is
    /// copied to the host.
    ///
    /// [`Memory::buffer`] lends a value's buffer on the GPU, which begins with the value in rows. Later passes do not write
    /// to it.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit, clip: &tubelet::video::Clip) -> tubelet::Result<()> {
    /// let found = model.forward_on_device(clip)?;
    /// let logits = &found["logits"]; // [1, K], f32
    /// let buffer = logits.buffer()?.wgpu(); // to be bound as storage or copied from
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`forward_async`](Self::forward_async).
    pub fn forward_on_device_async<'a>(
        &'a self,
        clips: impl Into<ClipPass<'a>>,
    ) -> Pending<'a, BTreeMap<String, Memory>> {
        let ClipPass { pass, input } = clips.into();
        Pending::new(async move { self.values("forward", &pass, input, output_and_taps).await })
    }

    /// The values of [`taps_async`](Self::taps_async), left on the device as
    /// [`forward_on_device_async`](Self::forward_on_device_async) leaves them.
    ///
    /// # Errors
    ///
    /// As [`taps_async`](Self::taps_async).
    pub fn taps_on_device_async<'a>(&'a self, clip: impl Into<ClipPass<'a>>) -> Pending<'a, BTreeMap<String, Memory>> {
        let ClipPass { pass, input } = clip.into();
        Pending::new(async move { self.values("taps", &pass, input, features_and_taps).await })
    }

    /// The rows of the value called `logits`.
    pub(super) fn rows_of_logits(&self, found: &Named<Tensor>) -> Result<Vec<Vec<f32>>> {
        let logits = found.get(LOGITS).ok_or_else(|| Error::usage("the model's logits are missing"))?;
        Ok(logits.as_f32()?.chunks(self.config().classes).map(<[f32]>::to_vec).collect())
    }

    /// A batch of clips in host memory, as many at a time as the device's buffers hold.
    pub(super) async fn batch_values<T: Outcome>(
        &self,
        pass: &Pass,
        clips: &Tensor,
        wanted: Wanted,
    ) -> Result<Named<T>> {
        let whole = self.batch_request(pass, clips)?;
        // A mask that does not fit is found before anything is computed.
        pass.mask.validity(self.config(), whole.batch)?;
        let at_once = self.clips_at_once(&whole)?;
        if whole.batch <= at_once {
            return self.run(&whole, Feed::Host(clips), &pass.mask, wanted).await;
        }
        self.check_joined::<T>(&whole, wanted)?;
        let values = clips.as_f32()?;
        let clip = values.len() / whole.batch;
        let mut parts: Vec<Named<T>> = Vec::new();
        for (values, first) in values.chunks(at_once * clip).zip((0..).step_by(at_once)) {
            let part = Request { batch: values.len() / clip, ..whole.clone() };
            let clips = Tensor::f32(vivit::clip_shape(self.config(), &part), values.to_vec())?;
            let mask = pass.mask.of_clips(first..first + part.batch, self.config().frames);
            parts.push(self.run(&part, Feed::Host(&clips), &mask, wanted).await?);
        }
        self.joined(&whole, parts, wanted).await
    }

    /// Runs the clips of `request`, masked by `mask`, and returns the values that `wanted` picks.
    pub(super) async fn run<T: Outcome>(
        &self,
        request: &Request,
        clips: Feed<'_>,
        mask: &FrameMask,
        wanted: Wanted,
    ) -> Result<Named<T>> {
        let shared = self.executor(request).await?;
        let (names, values): (Vec<_>, Vec<_>) = wanted(self.config(), &shared.recording, request)?.into_iter().unzip();
        let validity = mask.validity(self.config(), request.batch)?;
        let found = T::of_pass(&*shared.executor, &feeds(clips, validity.as_ref()), &values).await?;
        Ok(names.into_iter().zip(found).collect())
    }

    /// An error where a clip is not one of `request`.
    pub(super) fn check_prepared(&self, clip: &PreparedClip, request: &Request) -> Result<()> {
        let shape = vivit::clip_shape(self.config(), request);
        if *clip.shape() == shape {
            return Ok(());
        }
        let given = clip.shape();
        Err(Error::usage(format!("the model takes a clip of shape {shape}, this one has {given}")))
    }

    /// The request of a pass over a batch of clips in host memory; an error where they are not of the model's size.
    pub(super) fn batch_request(&self, pass: &Pass, clips: &Tensor) -> Result<Request> {
        let layout = pass.layout.unwrap_or(self.layout());
        check_clips(self.config(), clips, layout)?;
        Ok(pass.request(clips.shape().axes()[0], layout))
    }

    /// How many clips the device's buffers hold at a time, at least one: every value grows with their number.
    pub(super) fn clips_at_once(&self, request: &Request) -> Result<usize> {
        let graph = vivit::record(self.config(), &Request { batch: 1, ..request.clone() })?.graph;
        let largest = graph.inputs().chain(graph.computed()).map(|value| graph.bytes(value)).max().unwrap_or(1);
        Ok((self.device().largest_value() / largest.max(1)).max(1) as usize)
    }
}

/// What goes into a graph: the clip, and which temporal indices are valid where some are not.
pub(super) fn feeds<'a>(clip: Feed<'a>, validity: Option<&'a Tensor>) -> Vec<(&'static str, Feed<'a>)> {
    let validity = validity.map(|validity| (ModelInput::Validity.name(), Feed::Host(validity)));
    [(ModelInput::Clip.name(), clip)].into_iter().chain(validity).collect()
}

pub(super) fn headless() -> Error {
    Error::usage("this model has no classification head; ask for its features instead")
}

/// The logits alone; an error for a model without a head.
pub(super) fn logits_alone(_: &Config, recording: &Recording, _: &Request) -> Result<Vec<(String, Value)>> {
    let logits = recording.logits.ok_or_else(headless)?;
    Ok(vec![(LOGITS.to_owned(), logits)])
}

/// What the head sees, and all that is tapped.
fn features_and_taps(config: &Config, recording: &Recording, request: &Request) -> Result<Vec<(String, Value)>> {
    let tapped = tapped(config, recording, request)?;
    Ok([(FEATURES.to_owned(), recording.features)].into_iter().chain(named(&recording.graph, tapped)).collect())
}

/// What the head sees, its output where there is a head, and all that is tapped.
pub(super) fn everything(config: &Config, recording: &Recording, request: &Request) -> Result<Vec<(String, Value)>> {
    let mut wanted = features_and_taps(config, recording, request)?;
    if let Some(logits) = recording.logits.filter(|logits| wanted.iter().all(|(_, value)| value != logits)) {
        wanted.push((LOGITS.to_owned(), logits));
    }
    Ok(wanted)
}

/// The output of the head, and all that is tapped.
fn output_and_taps(config: &Config, recording: &Recording, request: &Request) -> Result<Vec<(String, Value)>> {
    let output = recording.logits.unwrap_or(recording.features);
    let mut wanted = tapped(config, recording, request)?;
    wanted.retain(|value| *value != output);
    wanted.insert(0, output);
    Ok(named(&recording.graph, wanted).collect())
}

/// Values with their own names.
fn named(graph: &Graph, values: Vec<Value>) -> impl Iterator<Item = (String, Value)> + '_ {
    values.into_iter().map(|value| (graph.name(value).to_owned(), value))
}

/// The values that are tapped; an error for one that the model does not have, with those it has.
pub(super) fn tapped(config: &Config, recording: &Recording, request: &Request) -> Result<Vec<Value>> {
    let graph = &recording.graph;
    match &request.taps {
        Taps::None => Ok(Vec::new()),
        Taps::All => Ok(graph.computed().collect()),
        Taps::Names(names) => {
            let find = |name: &String| {
                let computed = |value: &Value| graph.computed().any(|computed| computed == *value);
                graph.find(name).filter(computed).ok_or_else(|| unknown_value(config, request, name))
            };
            names.iter().map(find).collect()
        }
    }
}

/// The error for a tap that the model does not have, with all that it has.
fn unknown_value(config: &Config, request: &Request, name: &str) -> Error {
    match vivit::record(config, &Request { taps: Taps::All, ..request.clone() }) {
        Ok(Recording { graph, .. }) => {
            let known = in_a_row(graph.computed().map(|value| graph.name(value)));
            Error::usage(format!("the model has no value {name:?}; it has {known}"))
        }
        Err(error) => error,
    }
}

/// Names in a row, numbered ones as one: `hidden_state.1 to .12`.
fn in_a_row<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut stems: Vec<(&str, Vec<usize>)> = Vec::new();
    for name in names {
        let numbered = name.rsplit_once('.').and_then(|(stem, number)| Some((stem, number.parse().ok()?)));
        let (stem, number) = numbered.map_or((name, None), |(stem, number)| (stem, Some(number)));
        match stems.iter_mut().find(|(known, _)| *known == stem) {
            Some((_, numbers)) => numbers.extend(number),
            None => stems.push((stem, number.into_iter().collect())),
        }
    }
    let named = stems.into_iter().map(|(stem, numbers)| match numbers.as_slice() {
        [] => stem.to_owned(),
        [only] => format!("{stem}.{only}"),
        [first, .., last] => format!("{stem}.{first} to .{last}"),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// An error where a model of this configuration cannot take `clips`, a batch in `layout`.
#[doc(hidden)]
pub fn check_clips(config: &Config, clips: &Tensor, layout: ClipLayout) -> Result<()> {
    let batch = clips.shape().axes().first().copied().unwrap_or(0);
    let shape_of = |batch| vivit::clip_shape(config, &Request::new(batch, layout));
    if batch > 0 && *clips.shape() == shape_of(batch) {
        return Ok(());
    }
    let one = shape_of(1);
    let given = clips.shape();
    Err(Error::usage(format!(
        "the model takes clips of shape {one} (the first axis may be any number), these are {given}"
    )))
}
