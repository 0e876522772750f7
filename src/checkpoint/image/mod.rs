//! Image transformers to begin a video model from: Google's `.npz` files and scenic's checkpoints (Flax), those of the
//! `transformers` library, DINOv2 among them, and those of timm.
//!
//! To the arithmetic an image model is Model 1 that samples a single frame: its configuration and the names of its
//! parameters are those. Its sizes show in the shapes of its arrays, all but the number of heads in PyTorch's layouts,
//! which `config.json` or the user has to tell.

mod dinov2;
mod flax;
mod huggingface;
mod sizes;
mod timm;
mod views;

use std::sync::Arc;

use super::Hub;
use super::arrays::Arrays;
use super::fit::{Convention, Fitted, Strays};
use super::location::Location;
use crate::tensor::{Error, Result};
use crate::video::Fields;
use crate::vivit::{Config, Gelu, Parameters};
use sizes::Sizes;
use views::Views;

/// A trained model to begin another one from: an image model, or a video model.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trained {
    /// The model; an image model is Model 1 on one frame.
    pub config: Config,
    /// The weights, complete and of the shapes that [`Config::parameters`] lists.
    pub parameters: Arc<dyn Parameters>,
    /// Where it came from: a path, or a name with its revision.
    pub source: String,
    /// What its user should know about it, a sentence each.
    pub notes: Vec<String>,
}

/// How one family's files are told and read.
struct Format {
    /// What the name of the kernel that makes tokens of patches ends in.
    kernel: &'static str,
    /// What the name of some other array ends in, where the kernel's name is another family's too; else empty.
    own: &'static str,
    /// The arrays, one for each tensor, and how they are called.
    views: fn(Box<dyn Arrays>) -> Called,
    /// Reads what does not show in the shapes of the weights from a file beside them. An error where either tells of
    /// more than an image transformer.
    described: fn(&Location, &dyn Arrays) -> Result<Described>,
}

/// Arrays and how they are called.
type Called = (Views, Box<dyn Convention>);

/// Every family. The first that recognises a file reads it.
const FORMATS: [Format; 4] = [flax::FORMAT, dinov2::FORMAT, huggingface::FORMAT, timm::FORMAT];

/// What does not show in the shapes of the arrays.
struct Described {
    /// H, attention heads.
    heads: Option<usize>,
    /// Rows and columns of an image in pixels.
    size: Option<[usize; 2]>,
    gelu: Gelu,
    layer_norm_eps: f32,
    /// What the model's user should know, a sentence each.
    notes: Vec<String>,
}

impl Described {
    /// What a family computes where no file says it.
    fn untold(gelu: Gelu, layer_norm_eps: f32) -> Self {
        Self { heads: None, size: None, gelu, layer_norm_eps, notes: Vec::new() }
    }
}

/// What `said` makes of the fields of `config.json`, or why they make no sense; `None` where there is no such file.
fn config_json<T>(location: &Location, said: impl FnOnce(&Fields) -> Result<T, String>) -> Result<Option<T>> {
    let Some(file) = location.find("config.json") else { return Ok(None) };
    let fields =
        Fields::parse(&file.text()?).map_err(|instead| Error::file(format!("{} is {instead}", file.display())))?;
    said(&fields).map(Some).map_err(|reason| Error::file(format!("{}: {reason}", file.display())))
}

impl Format {
    /// The family of `arrays`: its kernel is over rows and columns alone.
    fn of(arrays: &dyn Arrays) -> Option<&'static Self> {
        let names = arrays.names();
        let axes = |format: &Self| {
            let kernel = names.iter().find(|name| name.ends_with(format.kernel))?;
            arrays.shape(kernel).map(|shape| shape.rank())
        };
        let is_own = |format: &Self| names.iter().any(|name| name.ends_with(format.own));
        FORMATS.iter().find(|format| axes(format) == Some(4) && is_own(format))
    }
}

/// Loads the image model in a folder, of a file of weights, or of a name on the Hugging Face hub.
///
/// Its family is told by the names of its arrays. The number of heads comes from the shapes, `config.json` or `heads`;
/// where none of them has it, heads are taken to be 64 wide, with a note that says so.
///
/// # Errors
///
/// A file that is missing, damaged or of no such model; arrays that are missing, unexpected or of a wrong shape, which
/// are listed; `heads` that contradict the file.
pub fn load_image(name_or_path: &str, hub: &Hub, heads: Option<usize>) -> Result<Trained> {
    let mut location = hub.locate(name_or_path)?;
    let arrays = super::open(&mut location)?;
    read(location, arrays, heads)
}

/// Whether `arrays`, whose files lie at `location`, are those of an image model and not of a video model.
pub(super) fn recognises(location: &Location, arrays: &dyn Arrays) -> bool {
    Format::of(arrays).is_some() && !samples_frames(location)
}

/// Whether a configuration tells of a video model, which has the parameters of an image model where it samples frames.
fn samples_frames(location: &Location) -> bool {
    let fields = location.find("config.json").and_then(|file| Fields::parse(&file.text().ok()?).ok());
    let model = fields.and_then(|fields| fields.nested("model").ok());
    model.is_some_and(|model| {
        let encoding = model.get("temporal_encoding_config", "", None::<serde_json::Value>);
        encoding.is_ok_and(|encoding| encoding.is_some())
    })
}

/// The image model whose weights are `arrays`.
pub(super) fn read(location: Location, arrays: Box<dyn Arrays>, heads: Option<usize>) -> Result<Trained> {
    let path = arrays.path().to_owned();
    let Some(format) = Format::of(&*arrays) else {
        let mut kernels = FORMATS.map(|format| format.kernel).to_vec();
        kernels.dedup();
        let kernels = kernels.join(", ");
        return Err(Error::file(format!(
            "{} holds no image transformer: none of its {} arrays is a kernel of 4 axes called {kernels}",
            path.display(),
            arrays.names().len()
        )));
    };
    let mut notes = location.notes.clone();
    let described = (format.described)(&location, &*arrays)?;
    notes.extend(described.notes.iter().cloned());
    let (views, convention) = (format.views)(arrays);
    let mut sizes = Sizes { arrays: views, convention };
    let config = sizes
        .config(&described, heads, &mut notes)
        .map_err(|reason| Error::file(format!("{} holds no image transformer: {reason}", path.display())))?;
    let Sizes { arrays, convention } = sizes;
    let (parameters, strays) = Fitted::new(Box::new(arrays), convention, config.parameters()?, Strays::Buffers)
        .map_err(|(_, misfits)| {
            Error::file(format!(
                "{} holds no plain image transformer: {}:\n  {}\nTake a model without additions, or download it again.",
                path.display(),
                misfits.census(),
                misfits.lines().join("\n  ")
            ))
        })?;
    notes.extend(strays);
    Ok(Trained { config, parameters: Arc::new(parameters), source: location.source, notes })
}
