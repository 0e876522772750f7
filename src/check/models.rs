//! The four models, layer by layer.

use std::path::Path;
use std::sync::Arc;

use super::evidence::{Evidence, Tensors};
use super::finding::{CallFinding, ModelFinding, Verdict};
use super::gradients::SoughtGradients;
use super::measurement::Measurement;
use super::subject::{Subject, caught};
use crate::checkpoint;
use crate::graph::{
    Device, DeviceWeights, Divergence, ExecutorOptions, Feed, Feeds, Graph, Node, Origin, Value, Weights,
    first_divergence,
};
use crate::kernels::{ClipLayout, Listing, Precision};
use crate::tensor::{Error, ErrorKind, Result, Tensor, Tolerance};
use crate::vivit::{
    Config, EncoderSize, FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention, Joint, Model, Request,
    Temporal, Tubelet, clip_shape, record,
};

/// A graph to be run on a device and by the references, every value of which is compared.
#[derive(Clone)]
pub struct ModelCase {
    /// What it is called.
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) graph: Arc<Graph>,
    weights: Arc<dyn Weights>,
    feeds: Vec<(String, Tensor)>,
    /// The gradients that decide; every value does where there are none.
    gradients: Option<SoughtGradients>,
}

impl std::fmt::Debug for ModelCase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelCase").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The four models at a small size, with random weights and a clip of `seed`.
///
/// Two blocks of each kind are enough for every call that there is; no size is a multiple of a tile.
pub fn models(seed: u64) -> Result<Vec<ModelCase>> {
    four().into_iter().map(|model| ModelCase::of(model, seed)).collect()
}

/// The models of the paper.
pub(super) fn four() -> [Model; 4] {
    let temporal = Temporal::Encoder(EncoderSize { layers: 2, heads: 4, hidden: 152 });
    [
        Joint.into(),
        FactorisedEncoder::default().temporal(temporal).into(),
        FactorisedSelfAttention::default().into(),
        FactorisedDotProduct::default().into(),
    ]
}

/// A model at a small size.
pub(super) fn small(model: Model) -> Result<Config> {
    let config = Config::named("vit-b")?.model(model).classifier(model.usual_classifier());
    let tubelet = Tubelet { frames: 2, rows: 16, columns: 16 };
    let config = config.frames(8).rows(48).columns(80).tubelet(tubelet);
    Ok(config.width(76).layers(2).heads(4).hidden(152).classes(11))
}

/// Clips for a graph, the same for the same seed.
pub(super) fn clips(config: &Config, request: &Request, seed: u64) -> Result<Tensor> {
    let shape = clip_shape(config, request);
    let phase = (seed % 1000) as f32;
    let values = (0..shape.elements()).map(|index| (index as f32 * 0.37 + phase).sin()).collect();
    Tensor::f32(shape, values)
}

/// What was computed twice: every value that calls compute, in their order.
pub(super) struct Compared {
    pub(super) actual: Vec<Tensor>,
    pub(super) expected: Vec<Tensor>,
    /// What computed each call on the device.
    pub(super) implementations: Vec<&'static str>,
}

/// What is wrong, in a sentence, and the first call that differs.
pub(super) type Fault = (String, Divergence);

impl ModelCase {
    /// A graph of anybody's making: `feeds` name its inputs.
    pub fn new(name: impl Into<String>, graph: Graph, weights: Arc<dyn Weights>, feeds: Vec<(String, Tensor)>) -> Self {
        Self { name: name.into(), seed: 0, graph: Arc::new(graph), weights, feeds, gradients: None }
    }

    /// Only these gradients of weights and the loss decide whether it passes: the gradient of each weight may differ by
    /// 1e-5 of its norm, the loss, which is the sum of a value, by 2e-6 of it. Where one does not keep to that, the first
    /// value that differs is named.
    #[must_use]
    pub fn gradients(self, loss: Value, gradients: impl IntoIterator<Item = (String, Value)>) -> Self {
        let gradients = gradients.into_iter().collect();
        let sought = SoughtGradients::whole(&self.graph, loss, gradients);
        self.seeking(sought)
    }

    pub(super) fn seeking(self, gradients: SoughtGradients) -> Self {
        Self { gradients: Some(gradients), ..self }
    }

    pub(super) fn seeded(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    fn of(model: Model, seed: u64) -> Result<Self> {
        let checkpoint = checkpoint::untrained(small(model)?, seed)?;
        let request = Request::new(1, ClipLayout::Btchw);
        let graph = record(&checkpoint.config, &request)?.graph;
        let clip = clips(&checkpoint.config, &request, seed)?;
        let feeds = vec![("clip".to_owned(), clip)];
        Ok(Self::new(model.to_string(), graph, checkpoint.parameters, feeds).seeded(seed))
    }

    /// Compares every value with the references', and writes what shows a difference below `evidence`. Whether the device is
    /// gone stands beside it.
    pub(super) fn check(
        &self,
        subject: &Subject,
        options: &ExecutorOptions,
        evidence: Option<&Path>,
    ) -> (ModelFinding, bool) {
        let judged = caught(|| {
            let compared = self.compared(subject, options)?;
            let (finding, fault) = self.judge(&compared)?;
            Ok((compared, finding, fault))
        });
        let (compared, mut finding, fault) = match judged {
            Ok(judged) => judged,
            Err(error) => {
                let verdict = match error.kind() {
                    ErrorKind::Unsupported | ErrorKind::OutOfMemory => Verdict::Unsupported,
                    _ => Verdict::Failed,
                };
                let lost = error.kind() == ErrorKind::DeviceLost;
                return (ModelFinding::without_calls(&self.name, verdict, error.to_string()), lost);
            }
        };
        if let Some((reason, divergence)) = &fault {
            finding.verdict = Verdict::Failed;
            finding.reason = Some(reason.clone());
            finding.first = finding.calls.iter().position(|call| call.value == divergence.value);
            if let Some(root) = evidence {
                match self.show(subject, options, &finding, &compared, divergence).and_then(|shown| shown.write(root)) {
                    Ok(folder) => finding.evidence = Some(folder),
                    Err(error) => finding.explain(&format!("what shows it could not be written: {error}")),
                }
            }
        }
        (finding, false)
    }

    fn compared(&self, subject: &Subject, options: &ExecutorOptions) -> Result<Compared> {
        let (actual, implementations) = self.computed(subject.device(), options)?;
        let (expected, _) = self.computed(&Device::references(), &ExecutorOptions::default())?;
        Ok(Compared { actual, expected, implementations })
    }

    /// Every value that calls compute on `device`, and what computes each call.
    pub(super) fn computed(
        &self,
        device: &Device,
        options: &ExecutorOptions,
    ) -> Result<(Vec<Tensor>, Vec<&'static str>)> {
        let weights = DeviceWeights::new(device, self.weights.clone());
        let executor = device.prepare(self.graph.clone(), &weights, options).wait()?;
        let feeds: Vec<_> = self.feeds.iter().map(|(name, tensor)| (name.as_str(), Feed::Host(tensor))).collect();
        let feeds: &Feeds<'_> = &feeds;
        let wanted: Vec<_> = self.graph.computed().collect();
        Ok((executor.run(feeds, &wanted).wait()?, executor.implementations()))
    }

    /// What was found, as if it passed, and what is wrong.
    pub(super) fn judge(&self, compared: &Compared) -> Result<(ModelFinding, Option<Fault>)> {
        let mut finding = ModelFinding::without_calls(&self.name, Verdict::Passed, String::new());
        finding.calls = self.calls(compared);
        let first = || first_divergence(&self.graph, &compared.actual, &compared.expected, Tolerance::MODEL);
        let fault = match &self.gradients {
            None => first()?.map(|divergence| (format!("the first that differs: {divergence}"), divergence)),
            Some(sought) => {
                finding.gradients = sought.findings(&self.graph, compared)?;
                match sought.wrong(&self.graph, compared, &finding.gradients)? {
                    None => None,
                    Some((wrong, own)) => {
                        let divergence = first()?.unwrap_or(own);
                        Some((format!("{wrong}; the first that differs: {divergence}"), divergence))
                    }
                }
            }
        };
        Ok((finding, fault))
    }

    /// Every value, in the order in which they are computed.
    fn calls(&self, compared: &Compared) -> Vec<CallFinding> {
        let values = self.graph.computed().zip(compared.actual.iter().zip(&compared.expected));
        let finding = |(value, (actual, expected)): (Value, (&Tensor, &Tensor))| {
            let Origin::Call(call) = self.graph.origin(value) else { return None };
            let name = self.graph.name(value);
            let measured = Measurement::between(name, actual, expected)?;
            Some(CallFinding {
                value: name.to_owned(),
                kernel: self.graph.nodes().get(*call)?.call.family().name,
                variant: compared.implementations.get(*call).copied().unwrap_or_default(),
                relative_l2: measured.relative_l2,
                share_of_peak: measured.share_of_peak,
            })
        };
        values.filter_map(finding).collect()
    }

    /// The first call that differs: what it was given, what it should have computed and what it did, and its WGSL.
    fn show(
        &self,
        subject: &Subject,
        options: &ExecutorOptions,
        finding: &ModelFinding,
        compared: &Compared,
        divergence: &Divergence,
    ) -> Result<Evidence> {
        let nodes = self.graph.nodes();
        let node = nodes.get(divergence.index).ok_or_else(|| Error::usage("the graph has no such call"))?;
        let listing = subject.device().gpu().map(|gpu| {
            let plan = options.variants.plan(&*node.call, gpu.capabilities(), Precision::F32)?;
            Listing::of(node.call.family(), &plan)
        });
        let of = |tensors: &[Tensor]| -> Tensors {
            let named = self.graph.computed().zip(tensors).filter(|(value, _)| node.outputs().any(|own| own == *value));
            named.map(|(value, tensor)| (self.graph.name(value).to_owned(), tensor.clone())).collect()
        };
        let tensors = [
            ("inputs", self.inputs(node, compared)?),
            ("expected", of(&compared.expected)),
            ("actual", of(&compared.actual)),
        ];
        let evidence = Evidence::of_model(subject, self, finding, &format!("{:?}", node.call));
        Ok(evidence.listing(listing.transpose()?).tensors(tensors))
    }

    /// What a call reads, as the references have computed it.
    fn inputs(&self, node: &Node, compared: &Compared) -> Result<Tensors> {
        let mut tensors = Tensors::new();
        for value in node.inputs() {
            let name = self.graph.name(value);
            match self.graph.origin(value) {
                Origin::Weights(parts) => {
                    for part in parts {
                        tensors.insert(part.clone(), self.weights.tensor(part)?);
                    }
                }
                Origin::Constant(tensor) => _ = tensors.insert(name.to_owned(), (**tensor).clone()),
                Origin::Input => {
                    let fed = self.feeds.iter().filter(|(fed, _)| fed == name);
                    tensors.extend(fed.cloned());
                }
                Origin::Call(_) => {
                    let computed = self.graph.computed().zip(&compared.expected).find(|(other, _)| *other == value);
                    tensors.extend(computed.map(|(_, tensor)| (name.to_owned(), tensor.clone())));
                }
            }
        }
        Ok(tensors)
    }
}

impl ModelFinding {
    pub(super) fn without_calls(model: &str, verdict: Verdict, reason: String) -> Self {
        let reason = (verdict != Verdict::Passed).then_some(reason);
        Self {
            model: model.to_owned(),
            verdict,
            reason,
            first: None,
            gradients: Vec::new(),
            calls: Vec::new(),
            evidence: None,
        }
    }
}
