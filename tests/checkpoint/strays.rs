//! Tensors that no model uses, and names that begin with what a wrapper put there.

use tubelet::checkpoint::save;

use super::*;

fn tensor_of(dtype: Dtype, shape: &[usize]) -> (Dtype, Vec<usize>, Vec<u8>) {
    let bits = dtype.bitsize() * shape.iter().product::<usize>();
    (dtype, shape.to_vec(), vec![1; bits / 8])
}

#[test]
fn what_no_model_uses_is_left_out_with_a_note() {
    let expected = load(&fixture("hf-ragged")).unwrap();
    let strays = [
        ("class_weights", Dtype::F32, vec![7]),
        ("loss_fct.weight", Dtype::F64, vec![7]),
        ("criterion.0.weight", Dtype::F16, vec![7]),
        ("global_step", Dtype::I64, vec![]),
        ("vivit.embeddings.position_ids", Dtype::I64, vec![1, 3]),
        ("vivit.encoder.layer.0.attention.attention.mask", Dtype::BOOL, vec![1, 1, 4, 4]),
        ("vivit.embeddings.mask_token", Dtype::BF16, vec![1, 1, 8]),
        ("vivit.index", Dtype::U8, vec![2]),
        ("quantised", Dtype::F8_E4M3, vec![2]),
        ("nothing", Dtype::F32, vec![0]),
    ];
    for (name, dtype, shape) in &strays {
        let folder = altered("hf-ragged", |tensors| {
            tensors.insert((*name).into(), tensor_of(*dtype, shape));
        });
        let checkpoint = load(folder.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_same_weights(&checkpoint, &expected, Tolerance::EXACT);
        let [note] = &checkpoint.notes[..] else { panic!("{name}: {:?}", checkpoint.notes) };
        assert!(note.ends_with(&format!("1 tensor that the model does not use: {name}")), "{note}");
    }
    let folder = altered("hf-ragged", |tensors| {
        tensors.extend(strays.iter().map(|(name, dtype, shape)| ((*name).into(), tensor_of(*dtype, shape))));
        tensors.extend((0..50).map(|at| (format!("history_{at}"), tensor_of(Dtype::F32, &[1]))));
        tensors.insert("evil\u{1b}[31m\u{202e}".into(), tensor_of(Dtype::F32, &[1]));
    });
    let note = load(folder.path()).unwrap().notes.concat();
    assert_names(&note, &["61 tensors", "class_weights", "49 more"]);
    assert!(note.len() < 1000 && !note.contains(['\u{1b}', '\u{202e}']), "{note}");
}

#[test]
fn what_may_be_a_parameter_under_a_wrong_name_is_said_beside_the_missing_one() {
    let folder = altered("hf-ragged", |tensors| {
        rename(tensors, |name| name.replace("classifier.weight", "head.weight"));
        tensors.insert("class_weights".into(), tensor_of(Dtype::F32, &[7]));
    });
    assert_names(
        &refusal(folder.path()),
        &["1 tensor missing, 2 unexpected", "missing: classifier.weight", "unexpected: head.weight", "Download"],
    );
}

#[test]
fn a_parameter_more_in_a_layer_is_another_model() {
    for name in ["vivit.encoder.layer.1.lambda_1", "vivit.encoder.layer.0.attention.attention.query.lora_A.weight"] {
        let folder = altered("hf-ragged", |tensors| {
            tensors.insert(name.into(), tensor_of(Dtype::F32, &[4]));
        });
        assert_names(&refusal(folder.path()), &["1 tensor unexpected", name, "computes something else than ViViT"]);
    }
}

#[test]
fn what_a_wrapper_put_before_the_names_is_left_out_with_a_note() {
    let expected = load(&fixture("hf-ragged")).unwrap();
    for prefix in ["module.", "_orig_mod.", "model.", "_orig_mod.module.", "model.module._orig_mod.", "video.tower."] {
        let folder = altered("hf-ragged", |tensors| {
            rename(tensors, |name| format!("{prefix}{name}"));
            tensors.insert("criterion.weight".into(), tensor_of(Dtype::F32, &[7]));
        });
        let checkpoint = load(folder.path()).unwrap_or_else(|error| panic!("{prefix}: {error}"));
        assert_same_weights(&checkpoint, &expected, Tolerance::EXACT);
        assert_names(&checkpoint.notes.join("\n"), &[&format!("begin with {prefix}, as"), "criterion.weight"]);
        // An encoder alone, whose own prefix is not there either.
        let folder = altered("hf-ragged", |tensors| {
            tensors.retain(|name, _| !name.starts_with("classifier."));
            rename(tensors, |name| format!("{prefix}{}", name.trim_start_matches("vivit.")));
        });
        assert_eq!(load(folder.path()).unwrap().config.classes, 0, "{prefix}");
    }
}

#[test]
fn of_several_models_the_known_one_is_taken_or_none() {
    let copies = |first: &str, second: &str| {
        altered("hf-ragged", |tensors| {
            let copy = tensors.clone();
            rename(tensors, |name| format!("{first}{name}"));
            tensors.extend(copy.into_iter().map(|(name, tensor)| (format!("{second}{name}"), tensor)));
        })
    };
    for first in ["", "module."] {
        let notes = load(copies(first, "ema.").path()).unwrap().notes.join("\n");
        assert_names(&notes, &["does not use", "ema.vivit."]);
        assert!(notes.len() < 2000, "{notes}");
    }
    assert_names(
        &refusal(copies("student.", "teacher.").path()),
        &["holds several models, whose names begin with student. and with teacher.", "save one of them alone"],
    );
    assert_names(&refusal(copies("module.", "model.").path()), &["model. and with module."]);
}

#[test]
fn every_family_may_be_wrapped_and_have_strays() {
    let saved = tempfile::tempdir().unwrap();
    save(saved.path(), &load(&fixture("scenic-model3")).unwrap(), false).unwrap();
    let joined =
        [(saved.path().to_owned(), "module.", "loss.weight"), (fixture("scenic-model3"), "wrapped/", "loss/weight")];
    for (source, prefix, stray) in joined {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(source.join("config.json"), folder.path().join("config.json")).unwrap();
        let expected = load(&source).unwrap();
        let mut tensors = stored(&source.join("model.safetensors"));
        tensors.insert(stray.into(), tensor_of(Dtype::F32, &[3]));
        write(&folder.path().join("model.safetensors"), &tensors);
        let checkpoint = load(folder.path()).unwrap();
        assert_same_weights(&checkpoint, &expected, Tolerance::EXACT);
        assert_names(&checkpoint.notes.join("\n"), &[stray]);
        rename(&mut tensors, |name| format!("{prefix}{name}"));
        write(&folder.path().join("model.safetensors"), &tensors);
        let checkpoint = load(folder.path()).unwrap();
        assert_same_weights(&checkpoint, &expected, Tolerance::EXACT);
        assert_names(&checkpoint.notes.join("\n"), &[prefix, stray]);
    }
}
