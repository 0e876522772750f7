//! Which fields of `config.json` disagree with the shapes of the weights.

use super::names::Spelling;
use crate::checkpoint::disagreements::{Disagreement, counted, differ, half_sentence};
use crate::tensor::Shape;
use crate::vivit::Config;

/// What is in the weights: their names, in `spelling`, and their shapes by the names of [`Config::parameters`].
pub(super) struct Evidence<'a, S> {
    pub(super) names: Vec<&'a str>,
    pub(super) spelling: Spelling,
    pub(super) shape: S,
}

impl<S: Fn(&str) -> Option<Shape>> Evidence<'_, S> {
    /// All disagreements in half a sentence: `says 99 layers (num_hidden_layers) where the weights have 3`; `None`
    /// where there are none.
    pub(super) fn against(&self, config: &Config) -> Option<String> {
        let all = [self.layers(config), self.qkv_bias(config)].into_iter().flatten();
        half_sentence(all.chain(self.sizes(config)))
    }

    /// Counts the layers that have a query: a stray tensor does not make a layer.
    fn layers(&self, config: &Config) -> Option<Disagreement> {
        let query = self.spelling.stored(&format!("{BLOCK}.{QUERY}.kernel"));
        let (head, tail) = query.split_once(".0.")?;
        let number = |name: &&str| name.strip_prefix(head)?.strip_prefix('.')?.split_once('.')?.0.parse::<usize>().ok();
        let of_query = self.names.iter().filter(|name| name.ends_with(tail));
        let stored = of_query.filter_map(number).max()?.saturating_add(1);
        differ(config.layers, stored, |layers| format!("{} (num_hidden_layers)", counted(layers, "layer", "s")))
    }

    fn qkv_bias(&self, config: &Config) -> Option<Disagreement> {
        let [kernel, bias] = ["kernel", "bias"].map(|leaf| self.spelling.stored(&format!("{BLOCK}.{QUERY}.{leaf}")));
        self.names.contains(&kernel.as_str()).then_some(())?;
        let stored = self.names.contains(&bias.as_str());
        (stored != config.qkv_bias).then(|| Disagreement {
            said: format!("{} for queries, keys and values (qkv_bias)", if stored { "no biases" } else { "biases" }),
            stored: if stored { "some" } else { "none" }.into(),
        })
    }

    fn sizes(&self, config: &Config) -> impl Iterator<Item = Disagreement> {
        let axis = |name: &str, axis: usize| (self.shape)(name)?.axes().get(axis).copied();
        let width = axis("cls", 2)
            .and_then(|stored| differ(config.width, stored, |width| format!("width {width} (hidden_size)")));
        let hidden = axis(&format!("{BLOCK}.MlpBlock_0.Dense_0.bias"), 0).and_then(|stored| {
            differ(config.hidden, stored, |hidden| format!("MLP width {hidden} (intermediate_size)"))
        });
        let tubelet = (self.shape)("embedding.kernel").and_then(|shape| {
            let Config { planes, tubelet, .. } = *config;
            let said = [planes, tubelet.frames, tubelet.rows, tubelet.columns].map(|size| size.to_string()).join("×");
            let stored = shape.axes().iter().skip(1).map(usize::to_string).collect::<Vec<_>>().join("×");
            differ(said, stored, |tubelet| format!("tubelets of {tubelet} (num_channels, tubelet_size)"))
        });
        let sequence = axis("Transformer.posembed_input.pos_embedding", 1).and_then(|stored| {
            differ(config.sequence(), stored, |tokens| {
                format!("sequences of {tokens} (num_frames, image_size, tubelet_size)")
            })
        });
        let classes = axis("output_projection.bias", 0).and_then(|stored| {
            differ(config.classes, stored, |classes| {
                format!("{} (id2label or num_labels, else 2)", counted(classes, "class", "es"))
            })
        });
        [width, hidden, tubelet, sequence, classes].into_iter().flatten()
    }
}

const BLOCK: &str = "Transformer.encoderblock_0";
const QUERY: &str = "MultiHeadDotProductAttention_0.query";
