//! Google's image transformers and those of scenic: `.npz` files and Flax checkpoints of all generations.

use super::views::Views;
use super::{Called, Described, Format};
use crate::checkpoint::arrays::Arrays;
use crate::checkpoint::flax::ParameterTree;
use crate::checkpoint::scenic::Flax;
use crate::tensor::Shape;
use crate::vivit::{Gelu, MOST_LAYERS};

pub(super) const FORMAT: Format =
    Format { kernel: "embedding/kernel", own: "", views, described: |_, _| Ok(Described::untold(Gelu::Tanh, 1e-6)) };

/// The folder of all layers' blocks, where they are stacked along a first axis.
const STACKED: &str = "Transformer/encoderblock/";
/// A head that pools by attention, which no video model has.
const ATTENTION_POOLING: &str = "MAPHead_0/";

/// How many layers an array of that shape is stacked of. An empty array may claim any number: it is of none.
fn layers(shape: &Shape) -> Option<usize> {
    let layers = *shape.axes().first()?;
    (layers <= MOST_LAYERS && !shape.axes().contains(&0)).then_some(layers)
}

/// The arrays as scenic calls them.
fn views(arrays: Box<dyn Arrays>) -> Called {
    let tree = ParameterTree::of(arrays);
    let stacked = tree.names().into_iter().filter(|name| name.starts_with(STACKED)).map(str::to_owned);
    let stacked: Vec<_> = stacked.collect();
    let mut views = Views::of(Box::new(tree));
    for name in stacked {
        let layers = views.shape(&name).as_ref().and_then(layers).unwrap_or(0);
        let layer = |layer| name.replacen(STACKED, &format!("Transformer/encoderblock_{layer}/"), 1);
        views.split(&name, &(0..layers).map(layer).collect::<Vec<_>>());
    }
    views.rename(|name| match name {
        "pos_embedding" => Some("Transformer/posembed_input/pos_embedding".into()),
        _ if name.starts_with(ATTENTION_POOLING) => None,
        _ => Some(name.strip_prefix("head/").map_or(name.into(), |leaf| format!("output_projection/{leaf}"))),
    });
    let query = "Transformer/encoderblock_0/MultiHeadDotProductAttention_0/query/kernel";
    let heads = views.shape(query).and_then(|shape| shape.axes().get(1).copied()).unwrap_or(1);
    (views, Box::new(Flax::with_heads(heads)))
}
