//! WGSL files as templates: tiles that must be unrolled with literal lane numbers are unrolled by a loop in the file.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};

use crate::tensor::{Error, ErrorKind, Result};

/// The literals that a shader template is rendered with, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Literals(BTreeMap<&'static str, Value>);

impl Literals {
    /// No literals.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same literals and one more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Literal>) -> Self {
        self.0.insert(name, value.into().0);
        self
    }
}

/// What a literal can be: a switch, a number or a word.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal(Value);

macro_rules! literals {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Literal {
            fn from(value: $kind) -> Self {
                Self(value.into())
            }
        })*
    };
}

literals!(bool, u32, u64, usize, &str);

/// The WGSL pieces that kernels include, by file name below `shaders/`.
const PIECES: &[(&str, &str)] = &[
    ("common/activation.wgsl", include_str!("../../../shaders/common/activation.wgsl")),
    ("common/halves.wgsl", include_str!("../../../shaders/common/halves.wgsl")),
    ("attention/sequence.wgsl", include_str!("../../../shaders/attention/sequence.wgsl")),
    ("attention/backward_operands.wgsl", include_str!("../../../shaders/attention/backward_operands.wgsl")),
    ("attention/chunk.subgroup.wgsl", include_str!("../../../shaders/attention/chunk.subgroup.wgsl")),
    ("attention/chunks.subgroup.wgsl", include_str!("../../../shaders/attention/chunks.subgroup.wgsl")),
    ("attention/fields.wgsl", include_str!("../../../shaders/attention/fields.wgsl")),
    ("attention/forward_operands.wgsl", include_str!("../../../shaders/attention/forward_operands.wgsl")),
    ("attention/forward.subgroup.wgsl", include_str!("../../../shaders/attention/forward.subgroup.wgsl")),
    ("attention/forward.wgsl", include_str!("../../../shaders/attention/forward.wgsl")),
    ("attention/forward.workgroup.wgsl", include_str!("../../../shaders/attention/forward.workgroup.wgsl")),
    ("attention/main.plain.wgsl", include_str!("../../../shaders/attention/main.plain.wgsl")),
    ("attention/main.subgroup.wgsl", include_str!("../../../shaders/attention/main.subgroup.wgsl")),
    ("attention/main.workgroup.wgsl", include_str!("../../../shaders/attention/main.workgroup.wgsl")),
    ("attention/moments.wgsl", include_str!("../../../shaders/attention/moments.wgsl")),
    ("attention/own.plain.wgsl", include_str!("../../../shaders/attention/own.plain.wgsl")),
    ("attention/own.workgroup.wgsl", include_str!("../../../shaders/attention/own.workgroup.wgsl")),
    ("attention/scores.plain.wgsl", include_str!("../../../shaders/attention/scores.plain.wgsl")),
    ("attention/softmax.matrix.wgsl", include_str!("../../../shaders/attention/softmax.matrix.wgsl")),
    ("attention/softmax.plain.wgsl", include_str!("../../../shaders/attention/softmax.plain.wgsl")),
    ("attention/statistics.wgsl", include_str!("../../../shaders/attention/statistics.wgsl")),
    ("attention/tile.matrix.wgsl", include_str!("../../../shaders/attention/tile.matrix.wgsl")),
    ("attention/tokens.subgroup.wgsl", include_str!("../../../shaders/attention/tokens.subgroup.wgsl")),
    ("attention/normaliser_operands.wgsl", include_str!("../../../shaders/attention/normaliser_operands.wgsl")),
    ("attention/own.subgroup.wgsl", include_str!("../../../shaders/attention/own.subgroup.wgsl")),
    ("attention/rollout_operands.wgsl", include_str!("../../../shaders/attention/rollout_operands.wgsl")),
    ("attention/rows.subgroup.wgsl", include_str!("../../../shaders/attention/rows.subgroup.wgsl")),
    ("attention/scores.subgroup.wgsl", include_str!("../../../shaders/attention/scores.subgroup.wgsl")),
    ("attention/scores.workgroup.wgsl", include_str!("../../../shaders/attention/scores.workgroup.wgsl")),
    ("products/bias.wgsl", include_str!("../../../shaders/products/bias.wgsl")),
    ("pixels/pixel.wgsl", include_str!("../../../shaders/pixels/pixel.wgsl")),
    ("products/linear.subgroup.wgsl", include_str!("../../../shaders/products/linear.subgroup.wgsl")),
    ("products/linear.wgsl", include_str!("../../../shaders/products/linear.wgsl")),
    ("products/linear.workgroup.wgsl", include_str!("../../../shaders/products/linear.workgroup.wgsl")),
    ("products/tubelet_embed.subgroup.wgsl", include_str!("../../../shaders/products/tubelet_embed.subgroup.wgsl")),
    ("products/tubelet_embed.wgsl", include_str!("../../../shaders/products/tubelet_embed.wgsl")),
    ("products/tubelet_embed.workgroup.wgsl", include_str!("../../../shaders/products/tubelet_embed.workgroup.wgsl")),
    ("products/linear_operands.wgsl", include_str!("../../../shaders/products/linear_operands.wgsl")),
    ("products/tubelet_fields.wgsl", include_str!("../../../shaders/products/tubelet_fields.wgsl")),
    ("products/tubelets.wgsl", include_str!("../../../shaders/products/tubelets.wgsl")),
    (
        "products/tubelet_embed_weight_gradient_operands.wgsl",
        include_str!("../../../shaders/products/tubelet_embed_weight_gradient_operands.wgsl"),
    ),
    ("products/weight.wgsl", include_str!("../../../shaders/products/weight.wgsl")),
    ("products/of_columns.wgsl", include_str!("../../../shaders/products/of_columns.wgsl")),
    ("products/of_columns.workgroup.wgsl", include_str!("../../../shaders/products/of_columns.workgroup.wgsl")),
    ("products/sums_of_columns.wgsl", include_str!("../../../shaders/products/sums_of_columns.wgsl")),
    (
        "products/linear_weight_gradient_operands.wgsl",
        include_str!("../../../shaders/products/linear_weight_gradient_operands.wgsl"),
    ),
    ("rows/each_row.wgsl", include_str!("../../../shaders/rows/each_row.wgsl")),
    ("rows/each_row.workgroup.wgsl", include_str!("../../../shaders/rows/each_row.workgroup.wgsl")),
    ("rows/elements.wgsl", include_str!("../../../shaders/rows/elements.wgsl")),
    ("rows/layer_norm_statistics.wgsl", include_str!("../../../shaders/rows/layer_norm_statistics.wgsl")),
    (
        "rows/layer_norm_statistics.workgroup.wgsl",
        include_str!("../../../shaders/rows/layer_norm_statistics.workgroup.wgsl"),
    ),
    ("rows/pool_fields.wgsl", include_str!("../../../shaders/rows/pool_fields.wgsl")),
    ("rows/pool_validity.wgsl", include_str!("../../../shaders/rows/pool_validity.wgsl")),
    ("rows/pool_step.wgsl", include_str!("../../../shaders/rows/pool_step.wgsl")),
    ("products/product.wgsl", include_str!("../../../shaders/products/product.wgsl")),
    ("products/product.matrix.wgsl", include_str!("../../../shaders/products/product.matrix.wgsl")),
    ("products/product.subgroup.wgsl", include_str!("../../../shaders/products/product.subgroup.wgsl")),
    ("products/product.workgroup.wgsl", include_str!("../../../shaders/products/product.workgroup.wgsl")),
    ("common/quads.wgsl", include_str!("../../../shaders/common/quads.wgsl")),
    ("rows/softmax_maximum.wgsl", include_str!("../../../shaders/rows/softmax_maximum.wgsl")),
    ("products/tubelet_embed_operands.wgsl", include_str!("../../../shaders/products/tubelet_embed_operands.wgsl")),
    ("common/workgroup_sum.wgsl", include_str!("../../../shaders/common/workgroup_sum.wgsl")),
    ("weights/elements.wgsl", include_str!("../../../shaders/weights/elements.wgsl")),
];

/// A set of WGSL templates that may include one another by file name.
#[derive(Clone, Debug)]
pub(super) struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// All pieces that kernels include.
    pub(super) fn of_pieces() -> Result<Self> {
        Self::new(PIECES.iter().copied())
    }

    /// Templates by file name. An undefined literal is an error when a template is rendered.
    pub(super) fn new(files: impl IntoIterator<Item = (&'static str, &'static str)>) -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| broken("syntax", &error))?);
        for (name, text) in files {
            environment.add_template(name, text).map_err(|error| broken(name, &error))?;
        }
        Ok(Self { environment })
    }

    /// The WGSL of the file `name` (whose text is `text`) with `literals` put in.
    pub(super) fn render(&self, name: &str, text: &str, literals: &Literals) -> Result<String> {
        self.environment.render_named_str(name, text, &literals.0).map_err(|error| broken(name, &error))
    }
}

fn broken(name: &str, error: &minijinja::Error) -> Error {
    let mut reasons = vec![error.to_string()];
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        reasons.push(error.to_string());
        source = error.source();
    }
    Error::new(ErrorKind::Device, format!("shader template {name} cannot be rendered: {}", reasons.join(": ")))
}
