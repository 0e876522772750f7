//! The paper's recipes, recipes as they are written down, and what is wrong with some.

use super::*;
use crate::engine::Views;
use crate::tensor::ErrorKind;
use crate::video::augment::ReleasedAugmentation;
use crate::vivit::initialise::Positions;
use crate::vivit::{EncoderSize, FactorisedEncoder, LabelHead, Labelling, Model, Temporal};

/// Spec §8.1 (paper, Table 7).
#[test]
fn released_recipes_have_the_papers_values() {
    for (name, rate, epochs, drop, smoothing, mixup) in [
        ("k400", 0.1, 30, None, 0.0, None),
        ("k600", 0.1, 30, None, 0.0, None),
        ("mit", 0.25, 10, None, 0.0, None),
        ("ek100", 0.5, 50, Some(0.2), 0.2, Some(0.1)),
        ("ssv2", 0.5, 35, Some(0.3), 0.3, Some(0.3)),
    ] {
        let recipe = Recipe::named(name).unwrap();
        assert_eq!((recipe.length().unwrap(), recipe.batch, recipe.seed), (Length::Epochs(epochs), 64, 0), "{name}");
        assert_eq!(recipe.optimiser, OptimiserRecipe::Momentum(MomentumRecipe { momentum: 0.9, weight_decay: 0.0 }));
        let ScheduleRecipe { warm_up_epochs, warm_up_steps, decay, .. } = recipe.schedule;
        assert_eq!((recipe.schedule.rate, warm_up_epochs, warm_up_steps, decay), (rate, 2.5, None, Decay::Cosine));
        assert_eq!(recipe.clipping, Clipping::PerDevice(ClipNorm { norm: 1.0 }));
        assert_eq!(recipe.stochastic_depth, drop.map(StochasticDepth::new), "{name}");
        assert_eq!((recipe.mlp_dropout, recipe.attention_dropout), (0.0, 0.0));
        assert_eq!((recipe.remainder, recipe.clip_start), (Remainder::Drop, ClipStart::Random));
        let released: ReleasedAugmentation = name.parse().unwrap();
        assert_eq!(recipe.augmentation, released.augmentation(), "{name}");
        assert_eq!((recipe.augmentation.label_smoothing, recipe.augmentation.mixup), (smoothing, mixup), "{name}");
        assert_eq!((recipe.evaluation.every_epochs, recipe.evaluation.test_every_epochs), (1, 5));
        assert_eq!(recipe.evaluation.views, Views::SINGLE);
    }
    assert_eq!(Recipe::NAMES, ["k400", "k600", "mit", "ek100", "ssv2", "fine-tune"]);
}

/// Spec §8.2.
#[test]
fn released_recipes_train_the_models_of_the_configurations() {
    let config = |name: &str| Recipe::named(name).unwrap().config(400, Labelling::Single).unwrap().unwrap();
    let k400 = config("k400");
    assert_eq!((k400.model.number(), k400.layers, k400.width, k400.frames, k400.rows), (1, 12, 768, 32, 224));
    for (name, layers, side) in [("k600", 24, 224), ("mit", 4, 224), ("ek100", 4, 224), ("ssv2", 4, 256)] {
        let config = config(name);
        let temporal = Temporal::Encoder(EncoderSize { layers, heads: 16, hidden: 4096 });
        assert_eq!(config.model, Model::from(FactorisedEncoder::default().temporal(temporal)), "{name}");
        assert_eq!((config.layers, config.rows, config.columns), (24, side, side), "{name}");
    }
    let heads = [("noun", 300), ("verb", 97)].map(|(name, classes)| LabelHead { name: name.to_owned(), classes });
    let labelling = Labelling::Heads(heads.to_vec());
    let config = Recipe::named("ek100").unwrap().config(397, labelling.clone()).unwrap().unwrap();
    assert_eq!((config.classes, config.labelling), (397, labelling));
    let positions = |name: &str| match Recipe::named(name).unwrap().start {
        Start::ImageModel(start) => (start.positions, start.initialisation(true).positions),
        _ => (None, None),
    };
    assert_eq!(positions("k400"), (Some(Positions::Tile), Some(Positions::Tile)));
    assert_eq!(positions("ssv2"), (Some(Positions::Resize), Some(Positions::Resize)));
}

/// Spec §8.2: steps of an epoch, and steps of warm-up.
#[test]
fn steps_are_scenics() {
    for (name, clips, steps) in
        [("k400", 214_834, 3356), ("k600", 363_213, 5675), ("ek100", 67_217, 1050), ("ssv2", 168_913, 2639)]
    {
        let recipe = Recipe::named(name).unwrap();
        assert_eq!(recipe.steps_per_epoch(clips), steps, "{name}");
        assert_eq!(recipe.schedule.warm_up(steps), steps * 5 / 2, "{name}");
    }
    let k400 = Recipe::named("k400").unwrap();
    assert_eq!((k400.schedule.warm_up(3356), k400.steps(214_834).unwrap()), (8390, 100_680));
    let kept = Recipe { remainder: Remainder::Keep, ..k400 };
    assert_eq!((kept.steps_per_epoch(65), kept.steps_per_epoch(3)), (2, 1));
    let steps = Recipe { epochs: None, steps: Some(7), ..kept };
    assert_eq!((steps.steps(65).unwrap(), steps.length().unwrap()), (7, Length::Steps(7)));
}

#[test]
fn sizes_go_before_those_of_the_backbone() {
    let text = "[start.scratch]\nshape = 'vit-ti/8x4'\nkind = 'factorised-encoder'\nwidth = 96\nlayers = 2\nheads = 4";
    let config = |more: &str| {
        let recipe = Recipe::parse(&format!("epochs = 1\n{text}\n{more}")).unwrap();
        recipe.config(5, Labelling::Single).unwrap().unwrap()
    };
    let usual = config("");
    assert_eq!((usual.width, usual.layers, usual.heads, usual.hidden), (96, 2, 4, 384));
    let temporal = Temporal::Encoder(EncoderSize { layers: 4, heads: 4, hidden: 384 });
    assert_eq!(usual.model, Model::from(FactorisedEncoder::default().temporal(temporal)));
    assert_eq!(config("hidden = 100").hidden, 100);
    let recipe = Recipe::parse(&format!("epochs = 1\n{}", text.replace("heads = 4", "heads = 5"))).unwrap();
    assert!(recipe.config(5, Labelling::Single).is_err(), "96 is no multiple of 5");
}

#[test]
fn recipes_survive_being_written_in_full() {
    let mut recipes: Vec<Recipe> = Recipe::NAMES.iter().map(|name| Recipe::named(name).unwrap()).collect();
    let text = "
        steps = 12
        seed = 9223372036854775807
        batch = 8
        device_batch = 4
        micro_batch = 2
        remainder = 'keep'
        recompute = true
        clip_start = 'spread'
        mlp_dropout = 0.1
        frozen = ['embeddings', 'Transformer.encoderblock_?.*']
        clipping = 'none'
        [start.checkpoint]
        path = 'a \"folder\"'
        keep_head = true
        [optimiser.adamw]
        betas = [0.9, 0.95]
        [schedule]
        rate = 0.001
        warm_up_steps = 3
        decay = 'constant'
        [stochastic_depth]
        rate = 0.1
        growth = 'beyond_last_layer'
        rescale = true
        [checkpoints]
        keep = 1
        every_steps = 4
        [evaluation]
        every_steps = 6
        test_views = '4x3'
        [loading]
        workers = 3
        cache_mib = 512
        most_failed = 10
    ";
    recipes.push(Recipe::parse(text).unwrap());
    let scratch = "
        epochs = 1
        [start.scratch]
        shape = 'vit-ti/16x2'
        kind = '2'
        options = ['temporal=mean']
        classifier = 'mean'
        [clipping.global]
        norm = 2
    ";
    recipes.push(Recipe::parse(scratch).unwrap());
    let folder = tempfile::tempdir().unwrap();
    for recipe in recipes {
        let path = folder.path().join("recipe.toml");
        recipe.write(&path).unwrap();
        assert_eq!(Recipe::read(&path).unwrap(), recipe, "{}", recipe.to_text().unwrap());
        assert_eq!(Recipe::find(path.to_str().unwrap()).unwrap(), recipe);
    }
    let text = Recipe::named("k400").unwrap().to_text().unwrap();
    for said in ["most_failed = 0", "remainder = \"drop\"", "hue = 0.2", "kind = \"joint\"", "[clipping.per_device]"] {
        assert!(text.contains(said), "{said} is missing in\n{text}");
    }
}

#[test]
fn errors_say_line_field_and_what_is_allowed() {
    let cases: &[(&str, usize, &[&str])] = &[
        ("epochs = 3\n\nbatchs = 4", 3, &["unknown field `batchs`", "expected one of `seed`, `epochs`"]),
        ("epochs = 3\n[schedule]\nrates = 4", 3, &["unknown field `rates`", "`rate`", "schedule"]),
        (
            "epochs = 3\n[schedule]\n\nrate = 'high'",
            4,
            &["invalid type: string \"high\", expected f64", "schedule.rate"],
        ),
        ("epochs = 3\nremainder = 'keeps'", 2, &["unknown variant `keeps`", "`drop` or `keep`", "remainder"]),
        ("epochs = 3\n[optimiser.sgd]", 2, &["unknown variant `sgd`", "`momentum` or `adamw`"]),
        (
            "epochs = 3\n[optimiser.momentum]\nmomenta = 1",
            3,
            &["unknown field `momenta`", "`momentum` or `weight_decay`"],
        ),
        (
            "epochs = 3\n[augmentation.scale_jitter]\nleast = 0.9",
            2,
            &["missing field `most`", "augmentation.scale_jitter"],
        ),
        ("epochs = 3\n[augmentation]\nflips = 0.5", 3, &["unknown field `flips`", "`flip`"]),
        ("epochs = 3\n[start.scratch]\nkind = 'joined'", 3, &["no model is called", "factorised-encoder (2)"]),
        ("epochs = 3\n[evaluation]\nviews = '4x2'", 3, &["crops are 1 or 3", "evaluation.views"]),
        ("epochs = -3", 1, &["invalid value: integer `-3`", "epochs"]),
        ("epochs = 3\nepochs = 4", 2, &["duplicate key"]),
        ("epochs = ", 1, &[]),
        ("epochs = 3\nsteps = 4", 2, &["`steps`", "both"]),
        ("epochs = 0", 1, &["`epochs`", "at least 1"]),
        ("epochs = 3\nbatch = 0", 2, &["`batch`", "at least 1"]),
        ("epochs = 3\nbatch = 6\ndevice_batch = 4", 3, &["`device_batch`", "must divide `batch`, 6"]),
        ("epochs = 3\nbatch = 6\nmicro_batch = 4", 3, &["`micro_batch`", "must divide the 6 clips"]),
        ("epochs = 3\nbatch = 1\n[augmentation]\nmixup = 0.2", 4, &["`augmentation.mixup`", "2 or more"]),
        ("epochs = 3\n[optimiser.momentum]\nmomentum = 1.0", 3, &["`optimiser.momentum.momentum`", "below 1"]),
        ("epochs = 3\n[optimiser.adamw]\nepsilon = 0", 3, &["`optimiser.adamw.epsilon`", "above 0"]),
        ("epochs = 3\n[clipping.global]\nnorm = nan", 3, &["`clipping.global.norm`", "above 0"]),
        ("epochs = 3\n[schedule]\nwarm_up_epochs = -1", 3, &["`schedule.warm_up_epochs`", "from 0 on"]),
        ("epochs = 3\nattention_dropout = 0.1", 2, &["`attention_dropout`", "trained with 0"]),
        ("epochs = 3\nmlp_dropout = 1", 2, &["`mlp_dropout`", "below 1"]),
        ("epochs = 3\n[stochastic_depth]\nrate = 2", 2, &["`stochastic_depth`", "from 0 to below 1"]),
        ("epochs = 3\n[augmentation]\ncrop = [300, 300]", 2, &["`augmentation`", "may not fit"]),
        ("epochs = 3\n[start.scratch]\noptions = ['order=x']", 2, &["`start.scratch`", "has no option order"]),
        ("epochs = 3\n[checkpoints]\nkeep = 0", 3, &["`checkpoints.keep`", "at least 1"]),
    ];
    for &(text, line, parts) in cases {
        let error = Recipe::parse(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::File, "{text}");
        let error = error.to_string();
        assert!(error.starts_with(&format!("line {line}: ")), "{text:?} gives {error}");
        assert!(!error.contains('\n') && parts.iter().all(|part| error.contains(part)), "{text:?} gives {error}");
    }
    let silent = Recipe::parse("batch = 4").unwrap_err().to_string();
    assert!(silent.contains("neither `epochs` nor `steps`"), "{silent}");
    let unset = Recipe::default().validate().unwrap_err();
    assert!(unset.kind() == ErrorKind::Usage && unset.to_string().starts_with("`epochs` of a recipe"), "{unset}");
    let unknown = Recipe::find("k700").unwrap_err().to_string();
    assert!(unknown.contains("k400, k600, mit, ek100, ssv2"), "{unknown}");
}

#[test]
fn parts_stay_as_they_are() {
    let config = Recipe::named("ek100").unwrap().config(397, Labelling::Single).unwrap().unwrap();
    let specs = config.parameters().unwrap();
    let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let of = |parts: &[&str]| frozen(parts, &names).unwrap();
    let embeddings = of(&["embeddings"]);
    assert_eq!(embeddings.len(), 6, "{embeddings:?}");
    assert!(embeddings.contains("cls_SpatialTransformer") && embeddings.contains("embedding.bias"));
    let (encoder, head) = (of(&["encoder"]), of(&["head"]));
    assert_eq!(head.iter().collect::<Vec<_>>(), ["output_projection.bias", "output_projection.kernel"]);
    assert!(encoder.contains("SpatialTransformer.encoder_norm.bias"));
    assert_eq!(embeddings.len() + encoder.len() + head.len(), names.len());
    assert!(of(&["TemporalTransformer.*"]).iter().all(|name| name.starts_with("TemporalTransformer.")));
    assert_eq!(of(&["embedding.kernel", "embeddings"]), embeddings);
    assert!(of(&[]).is_empty());
    let unknown = frozen(&["neck"], &names).unwrap_err().to_string();
    assert!(unknown.contains("\"neck\"") && unknown.contains("embeddings, encoder and head"), "{unknown}");
    let all = frozen(&["*"], &names).unwrap_err().to_string();
    assert!(all.contains("nothing to learn"), "{all}");
}
