//! Models as scenic has them, written by this program.

use tubelet::checkpoint::{ArrayInfo, SaveOptions, contents, save, save_scenic};
use tubelet::vivit::{FactorisedDotProduct, HeadOrder, Labelling};

use super::*;

/// Training states of scenic, with the configurations of their experiments.
const STATES: [&str; 9] = [
    "scenic-model1",
    "scenic-model1-prelogits",
    "scenic-model1-sampling",
    "scenic-model2",
    "scenic-model2-gap",
    "scenic-model2-multihead",
    "scenic-model3",
    "scenic-model3-spacetime-order",
    "scenic-model4",
];

/// The parameters in the training state of a folder, without the root that they have there.
fn parameters(folder: &Path) -> Vec<ArrayInfo> {
    let all = contents(folder.join("checkpoint").to_str().unwrap(), &Hub::default()).unwrap();
    let below = |array: ArrayInfo| {
        let roots = ["optimizer/target/", "params/"];
        let name = roots.iter().find_map(|root| array.name.strip_prefix(root)).map(str::to_owned)?;
        Some(ArrayInfo::new(name, array.shape, array.dtype))
    };
    all.into_iter().filter_map(below).collect()
}

fn same(one: &Checkpoint, other: &Checkpoint) {
    assert_eq!((&one.config, one.provenance), (&other.config, other.provenance));
    for name in one.parameters.names() {
        assert_eq!(one.parameters.tensor(name).unwrap(), other.parameters.tensor(name).unwrap(), "{name}");
    }
}

/// The same names, shapes and elements as scenic wrote itself, also by way of this program's own format.
#[test]
fn training_states_come_back_as_scenic_wrote_them() {
    for name in STATES {
        let original = load(&fixture(name)).unwrap();
        let [own, written] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        save(own.path(), &original, false).unwrap();
        save_scenic(written.path(), &load(own.path()).unwrap(), SaveOptions::new()).unwrap();
        same(&load(written.path()).unwrap(), &original);
        let state = fixture(name).join("checkpoint");
        if state.is_file() {
            assert_eq!(parameters(written.path()), parameters(&fixture(name)), "{name}");
        }
    }
}

#[test]
fn what_scenic_cannot_compute_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = load(&fixture("scenic-model4")).unwrap();
    let config = |change: fn(Config) -> Config| model.clone().config(change(model.config.clone()));
    for (checkpoint, reason) in [
        (config(|config| config.gelu(Gelu::Erf)), "error function"),
        (config(|config| config.qkv_bias(false)), "biases"),
        (config(|config| config.layer_norm_eps(1e-5)), "1e-6"),
        (config(|config| config.classes(0)), "no head"),
        (config(|config| config.labelling(Labelling::Regression)), "numbers"),
        (
            config(|config| config.model(FactorisedDotProduct::default().heads(HeadOrder::SpatialFirst).into())),
            "heads attend over space",
        ),
    ] {
        let error = save_scenic(folder.path(), &checkpoint, SaveOptions::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(reason), "{error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A model of another form in the folder is replaced where that is asked for, and nothing of it is taken for the new one.
#[test]
fn another_form_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["scenic-model1", "scenic-model2"].map(|name| load(&fixture(name)).unwrap());
    save(folder.path(), &one, false).unwrap();
    assert_eq!(save_scenic(folder.path(), &other, SaveOptions::new()).unwrap_err().kind(), ErrorKind::Usage);
    save_scenic(folder.path(), &other, SaveOptions::new().overwrite(true)).unwrap();
    same(&load(folder.path()).unwrap(), &other);
}
