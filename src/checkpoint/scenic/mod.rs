//! Checkpoints of scenic, the original implementation: parameters in Flax's names and layouts, in a msgpack file or as
//! safetensors, and `config.json` where there is one.
//!
//! The sizes are those of the parameters; a configuration must agree with them, except about the depth of Model 2's
//! temporal encoder, where the released files differ from the published configurations.

mod agreement;
mod config;
mod described;
mod evidence;
mod extent;
mod reconciliation;
mod released;
mod writing;

use std::sync::Arc;

pub use writing::save_scenic;

use super::arrays::Arrays;
use super::fit::{Convention, Fitted, Strays};
use super::flax::{FlaxLayout, ParameterTree};
use super::format::{Called, Format, Usage};
use super::location::Location;
use super::stored::StoredFile;
use super::writing::CONFIG;
use super::{Checkpoint, Described, Hints, PreprocessorFile, Provenance, huggingface};
use crate::kernels::ClipLayout;
use crate::tensor::{Error, Result, Shape, Tensor};
use crate::video::{Preset, Values};
use crate::vivit::{Config, Encoder, ParameterSpec};
use config::Said;
use evidence::Evidence;
use reconciliation::Reconciliation;

/// Names joined by `/`.
pub(super) const FORMAT: Format = Format {
    recognises: |names| names.iter().any(|name| name.contains('/')),
    field: "model",
    owner: "scenic",
    read_config,
    load,
    convention,
};

pub(super) const USAGE: Usage = Usage { name: "scenic", layout: ClipLayout::Bthwc, preset: Preset::Scenic };

/// The values of a training without `zero_centering`, [0, 1], which no preset gives.
const NOT_CENTRED: Values = Values { scale: 1.0 / 255.0, zero_centred: false, normalise: None };

fn convention(arrays: Box<dyn Arrays>, config: &Config) -> Called {
    (Box::new(ParameterTree::of(arrays)), Box::new(Flax::of(config)))
}

/// The model that a `config.json` describes, which must say everything.
fn read_config(file: &StoredFile) -> Result<Described> {
    let within = |reason: String| Error::file(format!("{}: {reason}", file.display()));
    let config = described::config(&config::read(file)?).map_err(within)?;
    config.validate().map_err(|error| within(error.to_string()))?;
    Ok(Described { config, provenance: Provenance::Scenic, labels: None, preprocessor: None })
}

fn load(location: Location, arrays: Box<dyn Arrays>, hints: &Hints) -> Result<Checkpoint> {
    let tree = ParameterTree::of(arrays);
    let path = tree.path().to_owned();
    let found = Evidence::of(&tree)
        .map_err(|reason| Error::file(format!("{} holds no ViViT model of scenic: {reason}", path.display())))?;
    let config_file = location.find("config.json");
    let said = config_file.as_ref().map_or(Ok(Said::default()), config::read)?;
    let reconciliation = Reconciliation {
        weights: &path,
        config: config_file.as_ref().map(StoredFile::path),
        found: &found,
        said: &said,
        hints,
    };
    let (config, mut further) = reconciliation.model()?;
    let convention = Flax::of(&config);
    let (parameters, strays) = Fitted::new(Box::new(tree), Box::new(convention), config.parameters()?, Strays::Any)
        .map_err(|(_, misfits)| {
            Error::file(format!(
                "{} does not hold a whole model ({}): {}:\n  {}\nCopy or download it again.",
                path.display(),
                config.model,
                misfits.census(),
                misfits.lines().join("\n  ")
            ))
        })?;
    let mut notes = location.notes.clone();
    notes.append(&mut further);
    notes.extend(strays);
    let (preprocessor, note) = PreprocessorFile::find(&location)?;
    notes.extend(note);
    let preprocessor = match preprocessor {
        None if said.not_centred => {
            // It follows from what that file says of the training.
            let text = huggingface::preprocessor(&config, None, NOT_CENTRED)?;
            Some(PreprocessorFile { name: CONFIG.into(), text })
        }
        found => found,
    };
    Ok(Checkpoint {
        provenance: Provenance::Scenic,
        config,
        parameters: Arc::new(parameters),
        labels: None,
        preprocessor,
        learnt_clips: None,
        source: location.source,
        notes,
        trained_on: None,
    })
}

/// Flax's names and layouts.
#[derive(Debug)]
pub(super) struct Flax {
    /// How many heads each encoder has.
    heads: Vec<(Encoder, usize)>,
}

impl Flax {
    /// Those of a model whose only encoder has that many `heads`.
    pub(super) fn with_heads(heads: usize) -> Self {
        Self { heads: vec![(Encoder::Clip, heads)] }
    }

    fn of(config: &Config) -> Self {
        Self { heads: config.encoders().into_iter().map(|(encoder, size)| (encoder, size.heads)).collect() }
    }

    /// The heads of the encoder that the parameter called `name` belongs to; 1 for those of no encoder.
    fn heads_of(&self, name: &str) -> usize {
        let own = Encoder::of_parameter(name);
        self.heads.iter().find(|(encoder, _)| Some(*encoder) == own).map_or(1, |(_, heads)| *heads)
    }
}

impl Convention for Flax {
    fn stored(&self, name: &str) -> String {
        name.replace('.', "/")
    }

    fn shape(&self, spec: &ParameterSpec) -> Shape {
        FlaxLayout::of(&spec.name).flax_shape(&spec.shape, self.heads_of(&spec.name))
    }

    fn restored(&self, name: &str, array: Tensor) -> Result<Tensor> {
        FlaxLayout::of(name).restored(array)
    }

    fn array(&self, name: &str, tensor: Tensor) -> Result<Tensor> {
        FlaxLayout::of(name).stored(tensor, self.heads_of(name))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use super::*;
    use crate::checkpoint::arrays::Dtype;
    use crate::vivit::{
        Classifier, EncoderSize, FactorisedEncoder, FactorisedSelfAttention, LabelHead, Labelling, ModelOption, Order,
        Temporal,
    };

    /// The shapes of a file's arrays, which is all that loading looks at.
    #[derive(Debug)]
    struct Shapes(HashMap<String, Shape>);

    impl Shapes {
        fn of(config: &Config) -> Box<Self> {
            let flax = Flax::of(config);
            let shapes =
                config.parameters().unwrap().into_iter().map(|spec| (flax.stored(&spec.name), flax.shape(&spec)));
            Box::new(Self(shapes.collect()))
        }
    }

    impl Arrays for Shapes {
        fn path(&self) -> &Path {
            Path::new("checkpoint")
        }

        fn names(&self) -> Vec<&str> {
            self.0.keys().map(String::as_str).collect()
        }

        fn shape(&self, name: &str) -> Option<Shape> {
            self.0.get(name).cloned()
        }

        fn dtype(&self, name: &str) -> Option<Dtype> {
            self.0.get(name).map(|_| Dtype::F32)
        }

        fn tensor(&self, name: &str) -> Result<Tensor> {
            Err(Error::usage(format!("{name} is not read")))
        }
    }

    fn loaded(config: &Config, hints: &Hints) -> Result<Checkpoint> {
        let nothing_beside = tempfile::tempdir().unwrap();
        load(Location::folder(nothing_beside.path()), Shapes::of(config), hints)
    }

    fn factorised_encoder(name: &str, temporal_layers: usize, classes: usize) -> Config {
        let config = Config::named(name).unwrap();
        let EncoderSize { heads, hidden, .. } = config.encoder();
        let temporal = Temporal::Encoder(EncoderSize { layers: temporal_layers, heads, hidden });
        Config { model: FactorisedEncoder { temporal }.into(), classes, ..config }
    }

    #[test]
    fn released_checkpoints_are_recognised() {
        let head = |name: &str, classes| LabelHead { name: name.into(), classes };
        let noun_and_verb = Labelling::Heads(vec![head("noun", 300), head("verb", 97)]);
        for (config, name) in [
            (Config::named("vit-b/16x2").unwrap(), "ViViT-B/16x2 for Kinetics-400"),
            (factorised_encoder("vit-b/16x2", 4, 400), "ViViT-B/16x2, factorised encoder, for Kinetics-400"),
            (factorised_encoder("vit-b/16x2", 12, 400), "ViViT-B/16x2, factorised encoder, for Kinetics-400"),
            (factorised_encoder("vit-l/16x2", 24, 400), "ViViT-L/16x2, factorised encoder, for Kinetics-400"),
            (factorised_encoder("vit-l/16x2", 24, 600), "ViViT-L/16x2, factorised encoder, for Kinetics-600"),
            (
                Config { labelling: noun_and_verb, ..factorised_encoder("vit-l/16x2", 4, 397) },
                "ViViT-L/16x2, factorised encoder, for Epic Kitchens",
            ),
        ] {
            let checkpoint = loaded(&config, &Hints::default()).unwrap();
            assert_eq!(checkpoint.config, config);
            let note = format!("recognised by its shape as {name}: clips of 32 frames of 224×224");
            assert_eq!(checkpoint.notes, [note]);
        }
    }

    #[test]
    fn other_shapes_are_asked_about() {
        let asked = |config: &Config, hints: &Hints| loaded(config, hints).unwrap_err().to_string();
        let released = Config::named("vit-b/16x2").unwrap();
        let own_classes = asked(&Config { classes: 101, ..released.clone() }, &Hints::default());
        assert!(own_classes.contains("how 3136 tokens divide"), "{own_classes}");
        assert!(own_classes.contains("--frames 32 --size 224x224"), "{own_classes}");
        let spatial = asked(&factorised_encoder("vit-b/16x2", 4, 174), &Hints::default());
        assert!(spatial.contains("how 196 tokens of a temporal index divide"), "{spatial}");
        assert!(spatial.contains("it may be --size 224x224, --size 112x448"), "{spatial}");
        // Told to be longer, it is none of the released ones.
        let longer = asked(&released, &Hints::new().frames(128));
        assert!(longer.contains("how 49 tokens of a temporal index divide"), "{longer}");
        assert!(longer.contains("it may be --size 112x112"), "{longer}");
        let longer = Hints::new().frames(128).size([112, 112]);
        assert_eq!(loaded(&released, &longer).unwrap().config.frames, 128);
    }

    #[test]
    fn pooling_without_a_name_is_the_mean() {
        let model = FactorisedSelfAttention { order: Order::SpaceTime }.into();
        let config = Config { model, classifier: Classifier::Mean, ..Config::named("vit-ti/16x2").unwrap() };
        let hints = Hints::new().options(vec![ModelOption::new("order", "space_time")]).size([224; 2]);
        let checkpoint = loaded(&config, &hints).unwrap();
        assert_eq!(checkpoint.config, config);
        assert!(checkpoint.notes[0].contains("--classifier mean is assumed"), "{:?}", checkpoint.notes);
    }

    #[test]
    fn an_odd_number_of_heads_is_no_model_4() {
        let config = Config { classifier: Classifier::Mean, classes: 7, ..Config::named("vit-ti/16x2").unwrap() };
        let hints = Hints::new().size([224; 2]);
        assert_eq!(loaded(&config, &hints).unwrap().config.model, config.model);
        let even = loaded(&Config { heads: 4, ..config }, &hints).unwrap_err().to_string();
        assert!(even.contains("--kind joint or --kind factorised-dot-product"), "{even}");
    }
}
