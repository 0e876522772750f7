//! Parameter files: from a file, a folder or a name on the Hugging Face hub to a configuration and named tensors.
//!
//! [`load`] takes a folder, a single file, the name of a [`bundled`] model, or a name such as
//! `google/vivit-b-16x2-kinetics400` that it looks up in the local hub cache and, with feature `hub`, downloads into it.
//! Two formats are read beside this project's own: that of the `transformers` library, and that of scenic, the original
//! implementation, as Flax's msgpack files or as safetensors.
//! [`untrained`] makes weights up for a shape that nobody has published, so that it can be run and timed all the same.
//!
//! Whatever the format, the tensors go by the names and layouts of [`Config::parameters`], checked to be complete and of
//! the right shapes, and are read one at a time when they are asked for: loading costs a look at the headers. Pickled
//! files (`pytorch_model.bin`) are not read, since reading one runs what it holds.
//!
//! scenic's files do not say everything that decides a model, and released ones come without a configuration: give what
//! is stored nowhere as [`Hints`] to [`load_hinted`].
//!
//! ```no_run
//! let checkpoint = tubelet::checkpoint::load("google/vivit-b-16x2-kinetics400")?;
//! println!("{}: {}", checkpoint.source, checkpoint.config);
//! let kernel = checkpoint.parameters.tensor("embedding.kernel")?;
//! # Ok::<(), tubelet::tensor::Error>(())
//! ```

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::kernels::ClipLayout;
use crate::tensor::{Error, Result};
use crate::video::Preset;
use crate::vivit::initialise::{FittedPositions, fit_positions};
use crate::vivit::{Config, Parameters};

mod arrays;
mod bundled;
mod contents;
mod described;
mod disagreements;
mod fit;
mod flax;
mod format;
mod hints;
mod hub;
mod huggingface;
mod image;
mod learnt_clips;
mod location;
mod misfits;
mod native;
#[cfg(feature = "npz")]
mod npz;
mod prefix;
mod preprocessor;
mod reason;
mod safetensors;
mod scenic;
mod stored;
#[cfg(feature = "video")]
mod tensors;
mod untrained;
mod weights;
mod writing;

pub use bundled::{bundled, bundled_names};
pub use contents::{ArrayInfo, contents};
pub use described::{Described, read_config};
pub use flax::FlaxLayout;
pub use hints::Hints;
pub use hub::Hub;
pub use huggingface::{save_hugging_face, save_hugging_face_with};
pub use image::{Trained, load_image};
pub use learnt_clips::LearntClips;
pub use native::{save, save_with};
pub use preprocessor::PreprocessorFile;
pub use scenic::save_scenic;
pub use untrained::untrained;
pub use writing::SaveOptions;

#[cfg(feature = "video")]
pub(crate) use tensors::{open_tensors, write_tensors};

use arrays::Arrays;
use fit::{Fitted, Strays};
use format::{Format, Usage};
use location::Location;
use stored::StoredFile;

/// The formats of published models, from a line for each, and what models of each have in common.
macro_rules! formats {
    ($($(#[$doc:meta])* $provenance:ident = $format:ident;)*) => {
        /// Where a checkpoint's weights come from: it decides how clips are laid out and prepared.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Provenance {
            $($(#[$doc])* $provenance,)*
            /// Random weights that no training has seen.
            Untrained,
        }

        impl Provenance {
            fn usage(self) -> &'static Usage {
                match self {
                    $(Self::$provenance => &$format::USAGE,)*
                    Self::Untrained => &untrained::USAGE,
                }
            }
        }

        /// Every format. The first that recognises a file reads it; this project's own holds models of any provenance.
        static FORMATS: &[Format] = &[native::FORMAT, $($format::FORMAT),*];
    };
}

formats! {
    /// `config.json` and safetensors files of the `transformers` library.
    HuggingFace = huggingface;
    /// Parameters of scenic, the original implementation, in Flax's names and layouts.
    Scenic = scenic;
}

impl Provenance {
    /// The order of the axes of its models' clips.
    pub fn layout(self) -> ClipLayout {
        self.usage().layout
    }

    /// How its models' clips are prepared where neither the user nor the model says otherwise.
    pub fn preset(self) -> Preset {
        self.usage().preset
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.usage().name)
    }
}

/// A model's configuration and weights, with what came along.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checkpoint {
    /// Where the weights come from.
    pub provenance: Provenance,
    /// The model that the weights fit.
    pub config: Config,
    /// The weights, complete and of the shapes that [`Config::parameters`] lists.
    pub parameters: Arc<dyn Parameters>,
    /// The names of the classes, in order, where the checkpoint gives them.
    pub labels: Option<Vec<String>>,
    /// How clips were prepared for the model, where a file says it.
    pub preprocessor: Option<PreprocessorFile>,
    /// How the clips were taken that the model has learnt from, where its training has written it down.
    pub learnt_clips: Option<LearntClips>,
    /// Where it came from: a path, or a name with its revision.
    pub source: String,
    /// What its user should know about it, a sentence each.
    pub notes: Vec<String>,
    /// What it was trained on, where the files say it: a manifest or sets of motions, with their number of clips and classes.
    pub trained_on: Option<String>,
}

impl Checkpoint {
    /// A model whose weights come from elsewhere: of no provenance ([`Provenance::Untrained`]), without names of classes.
    pub fn new(config: Config, parameters: Arc<dyn Parameters>) -> Self {
        Self {
            provenance: Provenance::Untrained,
            config,
            parameters,
            labels: None,
            preprocessor: None,
            learnt_clips: None,
            source: "parameters in memory".to_owned(),
            notes: Vec::new(),
            trained_on: None,
        }
    }

    /// Where the weights come from.
    #[must_use]
    pub fn provenance(self, provenance: Provenance) -> Self {
        Self { provenance, ..self }
    }

    /// The model that the weights fit.
    #[must_use]
    pub fn config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// The weights, complete and of the shapes that [`Config::parameters`] lists.
    #[must_use]
    pub fn parameters(self, parameters: Arc<dyn Parameters>) -> Self {
        Self { parameters, ..self }
    }

    /// The names of the classes, in order; `None` where they are not known.
    #[must_use]
    pub fn labels(self, labels: impl Into<Option<Vec<String>>>) -> Self {
        Self { labels: labels.into(), ..self }
    }

    /// How clips were prepared for the model, where a file says it.
    #[must_use]
    pub fn preprocessor(self, preprocessor: impl Into<Option<PreprocessorFile>>) -> Self {
        Self { preprocessor: preprocessor.into(), ..self }
    }

    /// How the clips were taken that the model has learnt from, where that is known.
    #[must_use]
    pub fn learnt_clips(self, clips: impl Into<Option<LearntClips>>) -> Self {
        Self { learnt_clips: clips.into(), ..self }
    }

    /// Where it came from: what messages call it.
    #[must_use]
    pub fn source(self, source: impl Into<String>) -> Self {
        Self { source: source.into(), ..self }
    }

    /// What its user should know about it, a sentence each.
    #[must_use]
    pub fn notes(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }

    /// What it was trained on, in a few words; this project's own files keep it.
    #[must_use]
    pub fn trained_on(self, data: impl Into<Option<String>>) -> Self {
        Self { trained_on: data.into(), ..self }
    }

    /// The model on clips of another length, or of frames of other sides, than it was trained on: its positions are
    /// interpolated, which its notes say then.
    ///
    /// ```no_run
    /// let checkpoint = tubelet::checkpoint::load("DIR")?.on_clips(Some(64), None)?;
    /// assert_eq!(checkpoint.config.frames, 64);
    /// # Ok::<(), tubelet::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Clips that make no token.
    pub fn on_clips(self, frames: Option<usize>, size: Option<[usize; 2]>) -> Result<Self> {
        let [rows, columns] = size.unwrap_or([self.config.rows, self.config.columns]);
        let frames = frames.unwrap_or(self.config.frames);
        let config = Config { frames, rows, columns, ..self.config.clone() };
        let FittedPositions { parameters, notes } = fit_positions(self.parameters, &self.config, &config)?;
        let side = |config: &Config| config.rows.max(config.columns);
        let learnt_clips = self.learnt_clips.map(|clips| clips.enlarged(side(&self.config), side(&config)));
        Ok(Self { config, parameters, learnt_clips, notes: [self.notes, notes].concat(), ..self })
    }
}

/// Loads the checkpoint in a folder, of a file of weights, of a name on the Hugging Face hub, `ORGANISATION/NAME` or
/// `ORGANISATION/NAME@REVISION`, or of the name of a bundled model: one of [`bundled_names`].
///
/// A bundled model wins over a folder of its name, which is meant by `./NAME`; the folder wins over a model on the hub. The
/// environment decides about the hub as everywhere: see [`Hub::from_env`].
///
/// ```no_run
/// let checkpoint = tubelet::checkpoint::load("google/vivit-b-16x2-kinetics400")?;
/// println!("{}: {}", checkpoint.source, checkpoint.config);
/// checkpoint.notes.iter().for_each(|note| println!("note: {note}"));
/// # Ok::<(), tubelet::Error>(())
/// ```
///
/// # Errors
///
/// One sentence that names the file and says what to do where there is no such checkpoint, a file is missing or
/// damaged, the configuration is not one of ViViT, or the weights do not fit it; then every tensor that is missing,
/// unexpected or of a wrong shape is listed. An error of kind [`Usage`](crate::tensor::ErrorKind::Usage) where the files
/// leave open which model they are of: it lists the possibilities.
pub fn load(name_or_path: &str) -> Result<Checkpoint> {
    load_with(name_or_path, &Hub::from_env())
}

/// [`load`] with a hub of the caller's choice.
///
/// # Errors
///
/// As [`load`].
pub fn load_with(name_or_path: &str, hub: &Hub) -> Result<Checkpoint> {
    load_hinted(name_or_path, hub, &Hints::default())
}

/// [`load_with`], with hints for what the files may not say.
///
/// ```no_run
/// use tubelet::checkpoint::{Hints, Hub, load_hinted};
/// use tubelet::vivit::FactorisedEncoder;
///
/// let model = FactorisedEncoder::default().into();
/// let hints = Hints::new().kind(Some(model)).frames(Some(32)).size(Some([224, 224]));
/// let checkpoint = load_hinted("vivit_base_16x2_fe/checkpoint", &Hub::from_env(), &hints)?;
/// # Ok::<(), tubelet::Error>(())
/// ```
///
/// # Errors
///
/// As [`load`]; and where a hint contradicts the files.
pub fn load_hinted(name_or_path: &str, hub: &Hub, hints: &Hints) -> Result<Checkpoint> {
    let mut location = hub.locate(name_or_path)?;
    let arrays = open(&mut location)?;
    let may_be_image = image::recognises(&location, &*arrays);
    read(location, arrays, hints).map_err(|error| match may_be_image && load_image(name_or_path, hub, None).is_ok() {
        true => Error::file(format!(
            "{name_or_path} holds an image model: `tubelet init` begins a video model from it, which can be loaded then"
        )),
        false => error,
    })
}

/// Loads the checkpoint in a folder, whatever the folder is called.
#[cfg(all(feature = "video", not(target_arch = "wasm32")))]
pub(crate) fn load_folder(folder: &std::path::Path) -> Result<Checkpoint> {
    let mut location = Location::folder(folder);
    let arrays = open(&mut location)?;
    read(location, arrays, &Hints::default())
}

/// Loads the checkpoint whose files are in memory, each by the name that it has in a folder, such as `config.json` and
/// `model.safetensors`. No file system is needed; the bytes are kept as long as the weights.
///
/// `source` is what messages call that folder, and `hints` tell what the files may not say.
///
/// # Errors
///
/// As [`load_hinted`].
///
/// ```no_run
/// # fn example(config: Vec<u8>, weights: Vec<u8>) -> tubelet::Result<()> {
/// let files = vec![("config.json".to_owned(), config), ("model.safetensors".to_owned(), weights)];
/// let checkpoint = tubelet::checkpoint::from_bytes("vivit-b", files, &Default::default())?;
/// # Ok(())
/// # }
/// ```
pub fn from_bytes(source: &str, files: Vec<(String, Vec<u8>)>, hints: &Hints) -> Result<Checkpoint> {
    let names = files.iter().map(|(name, _)| name.as_str());
    let weights = weights::weights_file(names).map(str::to_owned).ok_or_else(|| {
        Error::file(format!("none of the files of {source} is known to hold its weights: call it model.safetensors"))
    })?;
    let files = files.into_iter().map(|(name, bytes)| (name, Cow::Owned(bytes)));
    let mut location = Location::in_memory(StoredFile::in_memory(source, &weights, files), source);
    let arrays = open(&mut location)?;
    read(location, arrays, hints)
}

/// Loads a model to begin another one from: an image model, as [`load_image`] does, or a video model.
///
/// ```no_run
/// use tubelet::checkpoint::{Hints, Hub, load_trained};
/// use tubelet::vivit::Config;
/// use tubelet::vivit::initialise::{Initialisation, from_scratch};
///
/// let image = load_trained("vit.npz", &Hub::from_env(), &Hints::new(), None)?;
/// let target = Config::named("vit-b/16x2")?;
/// let start = from_scratch(&target, 0)?;
/// let made = Initialisation::default().apply(&image.config, image.parameters, &target, start)?;
/// for (spec, origin) in made.origins() {
///     println!("{}: {origin}", spec.name);
/// }
/// # Ok::<(), tubelet::Error>(())
/// ```
///
/// # Errors
///
/// As [`load_image`] and [`load_hinted`].
pub fn load_trained(name_or_path: &str, hub: &Hub, hints: &Hints, image_heads: Option<usize>) -> Result<Trained> {
    let mut location = hub.locate(name_or_path)?;
    let arrays = open(&mut location)?;
    if image::recognises(&location, &*arrays) {
        return image::read(location, arrays, image_heads);
    }
    let Checkpoint { config, parameters, source, notes, .. } = read(location, arrays, hints)?;
    Ok(Trained { config, parameters, source, notes })
}

/// Loads the parameters of a model that is known to be `config`, from files of any format, with or without a
/// `config.json`, which is not looked at.
///
/// # Errors
///
/// As [`load`], and a list of all that does not fit.
pub fn load_parameters(name_or_path: &str, hub: &Hub, config: &Config) -> Result<Arc<dyn Parameters>> {
    config.validate()?;
    let mut location = hub.locate(name_or_path)?;
    let arrays = open(&mut location)?;
    let (arrays, convention) = (format_of(&*arrays).convention)(arrays, config);
    let (fitted, _) =
        Fitted::new(arrays, convention, config.parameters()?, Strays::Any).map_err(|(arrays, misfits)| {
            Error::file(format!(
                "{} does not hold the parameters of {config}: {}:\n  {}",
                arrays.path().display(),
                misfits.census(),
                misfits.lines().join("\n  ")
            ))
        })?;
    Ok(Arc::new(fitted))
}

/// The weights at `location`, by the names that their format gives them.
fn open(location: &mut Location) -> Result<Box<dyn Arrays>> {
    let arrays = weights::open(location)?;
    prefix::strip(location, arrays)
}

fn format_of(arrays: &dyn Arrays) -> &'static Format {
    let names = arrays.names();
    // What is not understood is said in the words of the format that most models are in.
    FORMATS.iter().find(|format| (format.recognises)(&names)).unwrap_or(&huggingface::FORMAT)
}

fn read(location: Location, arrays: Box<dyn Arrays>, hints: &Hints) -> Result<Checkpoint> {
    let format = format_of(&*arrays);
    let checkpoint = (format.load)(location, arrays, hints)?;
    hints.check(&checkpoint)?;
    Ok(checkpoint)
}
