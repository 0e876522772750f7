//! An image model's configuration from the shapes of its arrays.

use super::Described;
use super::views::Views;
use crate::checkpoint::arrays::Arrays;
use crate::checkpoint::fit::Convention;
use crate::tensor::Shape;
use crate::vivit::{Classifier, Config, FrameSampling, Joint, Labelling, Tubelet};

/// The width of a head in every published image transformer of the sizes Ti, S, B and L.
const USUAL_HEAD_WIDTH: usize = 64;

const TABLE: &str = "Transformer.posembed_input.pos_embedding";
const BLOCK: &str = "Transformer.encoderblock_";
const QUERY: &str = "MultiHeadDotProductAttention_0.query";

/// Arrays and how their family calls and lays out what [`Config::parameters`] lists.
pub(super) struct Sizes {
    pub(super) arrays: Views,
    pub(super) convention: Box<dyn Convention>,
}

/// What Flax and PyTorch lay out differently.
struct Kernels {
    patch: [usize; 2],
    planes: usize,
    width: usize,
    /// H, where the layout has an axis of heads.
    heads: Option<usize>,
}

impl Sizes {
    /// The configuration. Where positions leave out the class token, it gets one of zeros; where `heads` are told
    /// nowhere, they are assumed and a note says so. An error ends a sentence about the file.
    pub(super) fn config(
        &mut self,
        described: &Described,
        heads: Option<usize>,
        notes: &mut Vec<String>,
    ) -> Result<Config, String> {
        let kernels = self.kernels()?;
        let class_token = self.has("cls");
        let grid = self.grid(described, &kernels, class_token)?;
        let representation_size = self.last_axis("pre_logits.bias");
        let config = Config {
            model: Joint.into(),
            frames: 1,
            rows: grid[0] * kernels.patch[0],
            columns: grid[1] * kernels.patch[1],
            planes: kernels.planes,
            tubelet: Tubelet { frames: 1, rows: kernels.patch[0], columns: kernels.patch[1] },
            frame_sampling: Some(FrameSampling { frames: 1, arange_quirk: false }),
            width: kernels.width,
            layers: (0..).take_while(|layer| self.has(&format!("{BLOCK}{layer}.{QUERY}.kernel"))).count(),
            heads: heads_of(&kernels, described, heads, notes)?,
            hidden: self.last_axis(&format!("{BLOCK}0.MlpBlock_0.Dense_0.bias")).unwrap_or(0),
            classes: self.last_axis("output_projection.bias").unwrap_or(0),
            labelling: Labelling::Single,
            classifier: if class_token { Classifier::Token } else { Classifier::Mean },
            layer_norm_eps: described.layer_norm_eps,
            gelu: described.gelu,
            qkv_bias: self.has(&format!("{BLOCK}0.{QUERY}.bias")),
            representation_size,
        };
        config.validate().map_err(|error| error.to_string())?;
        Ok(config)
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let accepted = self.convention.accepted(name);
        accepted.iter().find_map(|stored| self.arrays.shape(stored)).map(|shape| shape.axes().to_vec())
    }

    fn has(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    fn last_axis(&self, name: &str) -> Option<usize> {
        self.shape(name)?.last().copied()
    }

    fn kernels(&self) -> Result<Kernels, String> {
        let [embedding, query] = ["embedding".to_owned(), format!("{BLOCK}0.{QUERY}")].map(|path| path + ".kernel");
        let shape = |name: &str| self.shape(name).ok_or_else(|| format!("it has no {}", self.convention.stored(name)));
        match (&*shape(&embedding)?, &*shape(&query)?) {
            (embedding, _) if embedding.contains(&0) => {
                Err(format!("its kernel has the shape {}", Shape::from(embedding)))
            }
            (&[h, w, planes, width], &[_, heads, _]) => {
                Ok(Kernels { patch: [h, w], planes, width, heads: Some(heads) })
            }
            (&[width, planes, h, w], &[_, _]) => Ok(Kernels { patch: [h, w], planes, width, heads: None }),
            (embedding, query) => {
                Err(format!("its kernels have the shapes {} and {}", Shape::from(embedding), Shape::from(query)))
            }
        }
    }

    /// Rows and columns of patches: those of an image of the size that is described; a square where none is.
    fn grid(&mut self, described: &Described, kernels: &Kernels, class_token: bool) -> Result<[usize; 2], String> {
        let Some(&[1, positions, _]) = self.shape(TABLE).as_deref() else {
            return Err(format!("it has no table {} of [1, N, C]", self.convention.stored(TABLE)));
        };
        let said = described.size.map(|[rows, columns]| [rows / kernels.patch[0], columns / kernels.patch[1]]);
        let grid_of = |tokens: usize| match said {
            Some(grid) => (grid[0].checked_mul(grid[1]) == Some(tokens)).then_some(grid),
            None => Some([tokens.isqrt(); 2]).filter(|&[side, _]| side > 0 && side * side == tokens),
        };
        // Some models add positions before they put the class token in front: its position is zero.
        if let Some(grid) = grid_of(positions) {
            if class_token {
                let stored = self.convention.accepted(TABLE);
                stored.iter().for_each(|name| self.arrays.begin_with_zeros(name));
            }
            return Ok(grid);
        }
        let with_class_row = positions.checked_sub(1).filter(|_| class_token).and_then(grid_of);
        with_class_row.ok_or_else(|| match said {
            Some([rows, columns]) => format!(
                "its {positions} positions are not those of the {rows}×{columns} patches that config.json's image_size \
                 makes"
            ),
            None => format!(
                "its {positions} positions are those of no square image, and no config.json says which image_size"
            ),
        })
    }
}

fn heads_of(
    kernels: &Kernels,
    described: &Described,
    hint: Option<usize>,
    notes: &mut Vec<String>,
) -> Result<usize, String> {
    match (kernels.heads.or(described.heads), hint) {
        (Some(heads), Some(hint)) if heads != hint => Err(format!("it has {heads} heads, not {hint}")),
        (Some(heads), _) | (None, Some(heads)) => Ok(heads),
        (None, None) if kernels.width.is_multiple_of(USUAL_HEAD_WIDTH) => {
            let heads = kernels.width / USUAL_HEAD_WIDTH;
            notes.push(format!(
                "the image model does not say how many heads it has: {heads} of width {USUAL_HEAD_WIDTH} are assumed"
            ));
            Ok(heads)
        }
        (None, None) => Err(format!(
            "it does not say how many heads it has, and its width of {} cannot be heads of {USUAL_HEAD_WIDTH}; say how \
             many with --image-heads",
            kernels.width
        )),
    }
}
