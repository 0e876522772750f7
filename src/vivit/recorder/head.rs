//! From an encoder's output to the model's: pooling, representation layer, head.

use super::Recorder;
use super::dense::Dense;
use crate::graph::Value;
use crate::kernels::Activation;
use crate::kernels::products::OutputLayout;
use crate::kernels::rows::{Masking, Pool, Pooling, Softmax};
use crate::tensor::{Element, Result};
use crate::vivit::encoder::Encoder;
use crate::vivit::random_inputs::RandomInputs;
use crate::vivit::recording::Recording;
use crate::vivit::request::ModelInput;
use crate::vivit::{Classifier, Config, Labelling};

impl Recorder<'_> {
    /// How the classifier of the configuration makes one vector of several.
    fn pooling(&self) -> Pooling {
        match self.config.classifier {
            Classifier::Token | Classifier::FirstToken => Pooling::Token,
            Classifier::Mean => Pooling::Mean,
            Classifier::Max => Pooling::Max,
            Classifier::Sum => Pooling::Sum,
        }
    }

    /// One vector for each sequence of an encoder, from its output `x` by the classifier: `pooled` [B, C], of the spatial
    /// encoder `frame_representation` [B, T, C]. Tokens that are masked do not count.
    pub(in crate::vivit) fn pool(&mut self, encoder: Encoder, x: Value) -> Result<Value> {
        if encoder == Encoder::Spatial {
            let (width, times) = (self.config.width, self.config.grid().temporal);
            let (sequences, tokens) = (self.sequences(encoder), self.config.encoder_tokens(encoder));
            let call = Pool { sequences, tokens, width, pooling: self.pooling(), masking: None };
            let name = ModelInput::FrameRepresentation.name();
            return self.graph.call(call, &[Some(x), None], name, [self.batch, times, width]);
        }
        self.pool_clips(x, self.pooling(), self.config.encoder_grid(encoder).spatial())
    }

    /// The mean of `frames` [B, T, C]: `pooled` [B, C].
    pub(in crate::vivit) fn mean_of_frames(&mut self, frames: Value) -> Result<Value> {
        self.pool_clips(frames, Pooling::Mean, 1)
    }

    /// `pooled` [B, C] from `x`, which without a class token has `tokens_per_time` tokens of each temporal index.
    fn pool_clips(&mut self, x: Value, pooling: Pooling, tokens_per_time: usize) -> Result<Value> {
        let width = self.config.width;
        let validity = self.validity.filter(|_| pooling != Pooling::Token);
        let masking = validity.map(|_| Masking { class_tokens: 0, tokens_per_time });
        let tokens = self.graph.shape(x).rows() / self.batch;
        let call = Pool { sequences: self.batch, tokens, width, pooling, masking };
        self.graph.call(call, &[Some(x), validity], "pooled", [self.batch, width])
    }

    /// The vectors of temporal indices as an input, `frame_representation` [B, T, C].
    pub(in crate::vivit) fn frame_representation(&mut self) -> Result<Value> {
        let shape = [self.batch, self.config.grid().temporal, self.config.width];
        self.graph.input(ModelInput::FrameRepresentation.name(), shape, Element::F32)
    }

    /// The representation layer and the head, where the model has them.
    pub(in crate::vivit) fn head(mut self, pooled: Value) -> Result<Recording> {
        let Config { width, classes, representation_size, .. } = *self.config;
        let features = match representation_size {
            None => pooled,
            Some(size) => {
                let paths = ["pre_logits".to_owned()];
                let dense =
                    Dense { paths: &paths, inner: width, columns: size, bias: true, output: OutputLayout::Rows };
                let names = ["pre_logits_input", "pre_logits"];
                self.dense_activated(&dense, Activation::Tanh, pooled, names, [self.batch, size])?
            }
        };
        self.graph.output(features)?;
        if classes == 0 {
            return Ok(self.recording(features, None, None));
        }
        let paths = ["output_projection".to_owned()];
        let inner = self.config.features();
        let dense = Dense { paths: &paths, inner, columns: classes, bias: true, output: OutputLayout::Rows };
        let logits = self.dense(&dense, features, "logits", [self.batch, classes])?;
        self.graph.output(logits)?;
        if self.config.labelling != Labelling::Single {
            return Ok(self.recording(features, Some(logits), None));
        }
        let call = Softmax { rows: self.batch, width: classes };
        let probabilities = self.graph.call(call, &[Some(logits)], "probabilities", [self.batch, classes])?;
        self.graph.output(probabilities)?;
        Ok(self.recording(features, Some(logits), Some(probabilities)))
    }

    fn recording(self, features: Value, logits: Option<Value>, probabilities: Option<Value>) -> Recording {
        let Self { graph, parameters, attentions, blocks, regularisers, .. } = self;
        let random_inputs = RandomInputs { gates: regularisers.gates, drops: regularisers.keys.is_some() };
        Recording { graph, parameters, features, logits, probabilities, blocks, random_inputs, attentions }
    }
}
