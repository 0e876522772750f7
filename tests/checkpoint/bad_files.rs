//! Files that cannot be loaded: each refusal names the culprit.

use super::*;

fn overwritten(file: &str, content: impl AsRef<[u8]>) -> TempDir {
    let folder = altered("hf-tiny", |_| {});
    fs::write(folder.path().join(file), content).unwrap();
    folder
}

#[test]
fn every_misfit_is_listed_at_once() {
    let folder = altered("hf-tiny", |tensors| {
        tensors.remove("vivit.embeddings.cls_token");
        tensors.remove("vivit.encoder.layer.2.attention.attention.query.bias");
        let norm = tensors["vivit.layernorm.bias"].clone();
        tensors.insert("vivit.encoder.layer.3.layernorm_before.bias".into(), norm.clone());
        tensors.insert("mystery".into(), norm.clone());
        tensors.insert("vivit.layers.0.mlp.fc2.bias".into(), norm);
        tensors.get_mut("vivit.layernorm.weight").unwrap().1 = vec![8, 8];
        tensors.get_mut("classifier.bias").unwrap().0 = Dtype::I32;
    });
    let message = refusal(folder.path());
    assert_names(
        &message,
        &[
            "model.safetensors does not fit",
            "config.json",
            "missing: vivit.embeddings.cls_token of shape [1, 1, 64]",
            "missing: vivit.encoder.layer.2.attention.attention.query.bias of shape [64]",
            "unexpected: vivit.encoder.layer.3.layernorm_before.bias",
            "unexpected: mystery",
            "several names: vivit.encoder.layer.0.output.dense.bias, vivit.layers.0.mlp.fc2.bias",
            "wrong shape: vivit.layernorm.weight is [8, 8], expected [64]",
            "wrong type: classifier.bias has elements of I32",
        ],
    );
    assert_names(
        &message,
        &["config.json: 2 tensors missing, 2 unexpected, 1 of wrong shape", "Download the weights again"],
    );
    assert_eq!(message.lines().count(), 9, "{message}");
}

#[test]
fn missing_tensors_go_by_the_names_that_the_file_uses() {
    let folder = altered("hf-tiny", |tensors| {
        rename(tensors, |name| RENAMED.iter().fold(name.to_owned(), |name, (old, new)| name.replace(old, new)));
        tensors.remove("vivit.layers.1.mlp.fc1.weight");
    });
    assert_names(&refusal(folder.path()), &["missing: vivit.layers.1.mlp.fc1.weight of shape [256, 64]"]);
}

#[test]
fn a_configuration_of_another_model_is_refused() {
    let folder = altered("hf-tiny", |_| {});
    fs::copy(fixture("hf-odd").join("config.json"), folder.path().join("config.json")).unwrap();
    let message = refusal(folder.path());
    assert_names(
        &message,
        &["wrong shape: vivit.embeddings.cls_token is [1, 1, 64], expected [1, 1, 60]", "width 60 (hidden_size)"],
    );
    assert_names(&refusal(&fixture("hf-vit-tiny")), &["image model", "`tubelet init`"]);
}

/// A fixture with these fields of its configuration replaced, or removed where null.
fn configured(fields: &[(&str, serde_json::Value)]) -> TempDir {
    let folder = altered("hf-tiny", |_| {});
    configure(&folder, fields);
    folder
}

fn configure(folder: &TempDir, fields: &[(&str, serde_json::Value)]) {
    let file = folder.path().join("config.json");
    let mut config: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    for (name, value) in fields {
        match value.is_null() {
            true => drop(config.as_object_mut().unwrap().remove(*name)),
            false => config[*name] = value.clone(),
        }
    }
    fs::write(file, config.to_string()).unwrap();
}

#[test]
fn a_wrong_number_of_layers_is_said_in_few_words() {
    let message = refusal(configured(&[("num_hidden_layers", 99.into())]).path());
    assert_names(
        &message,
        &[
            "which says 99 layers (num_hidden_layers) where the weights have 3:\n",
            "\n  missing: all 16 tensors of vivit.encoder.layer.{3..98}\n",
            "\nCorrect config.json, or take config.json and the weights from the same model.",
        ],
    );
    assert_eq!(message.lines().count(), 3, "{message}");
    let message = refusal(configured(&[("num_hidden_layers", 1.into())]).path());
    assert_names(
        &message,
        &["says 1 layer (", "have 3:", "\n  unexpected: all 16 tensors of vivit.encoder.layer.{1..2}\n"],
    );
    assert_eq!(message.lines().count(), 3, "{message}");
    for absurd in [100_000u64, 10_000_000, 1_000_000_000_000] {
        let message = refusal(configured(&[("num_hidden_layers", absurd.into())]).path());
        assert_names(&message, &["config.json", &format!("number of layers is {absurd}, but must be at most 4096")]);
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[test]
fn a_lie_about_any_size_is_the_cause_that_is_named() {
    for (field, value, cause) in [
        ("hidden_size", 96.into(), "width 96 (hidden_size) where the weights have 64"),
        ("intermediate_size", 100.into(), "MLP width 100 (intermediate_size) where the weights have 256"),
        ("num_channels", 1.into(), "tubelets of 1×2×8×8 (num_channels, tubelet_size) where the weights have 3×2×8×8"),
        ("num_frames", 98.into(), "sequences of 785 (num_frames, image_size, tubelet_size) where the weights have 65"),
        ("qkv_bias", false.into(), "no biases for queries, keys and values (qkv_bias) where the weights have some"),
        (
            "id2label",
            serde_json::json!({"0": "a"}),
            "1 class (id2label or num_labels, else 2) where the weights have 10",
        ),
    ] {
        let message = refusal(configured(&[(field, value)]).path());
        assert_names(message.lines().next().unwrap(), &[cause]);
        assert_names(message.lines().last().unwrap(), &["Correct config.json"]);
        assert!(message.lines().count() <= 26, "{message}");
    }
    let message = refusal(configured(&[("hidden_size", 96.into()), ("num_hidden_layers", 2.into())]).path());
    assert_names(
        &message,
        &["says 2 layers (num_hidden_layers) and width 96 (hidden_size) where the weights have 3 and 64"],
    );
    assert_names(
        &message,
        &[
            "wrong shape: vivit.encoder.layer.{0..1}.attention.attention.query.weight is [64, 64], expected [96, 96]",
            "unexpected: all 16 tensors of vivit.encoder.layer.2",
        ],
    );
}

#[test]
fn labels_fit_to_be_printed_and_assumed_classes_are_noted() {
    let folder = configured(&[("id2label", serde_json::Value::Null)]);
    assert_names(&refusal(folder.path()), &["2 classes (id2label or num_labels, else 2) where the weights have 10"]);
    let folder = altered("hf-tiny", |tensors| {
        for (name, length) in [("classifier.weight", 2 * 64), ("classifier.bias", 2)] {
            let (_, shape, data) = tensors.get_mut(name).unwrap();
            shape[0] = 2;
            data.truncate(length * 4);
        }
    });
    configure(&folder, &[("id2label", serde_json::Value::Null)]);
    let checkpoint = load(folder.path()).unwrap();
    assert_eq!((checkpoint.config.classes, checkpoint.labels), (2, None));
    assert_names(&checkpoint.notes[0], &["config.json has neither id2label nor num_labels: 2 classes are assumed"]);
    configure(&folder, &[("id2label", serde_json::json!({"0": "two\nlines", "1": "\u{1b}[31mred"}))]);
    let checkpoint = load(folder.path()).unwrap();
    assert_eq!(checkpoint.labels.unwrap(), ["two lines", "red"]);
    assert!(checkpoint.notes.is_empty());
}

#[test]
fn an_encoder_alone_may_have_the_prefix() {
    let folder = altered("hf-tiny", |tensors| tensors.retain(|name, _| !name.starts_with("classifier.")));
    assert_names(&refusal(folder.path()), &["2 tensors missing:", "missing: classifier.weight of shape [10, 64]"]);
    for architectures in [serde_json::json!(["VivitModel"]), serde_json::Value::Null] {
        configure(&folder, &[("architectures", architectures)]);
        let checkpoint = load(folder.path()).unwrap();
        assert_eq!((checkpoint.config.classes, checkpoint.labels), (0, None));
        assert!(checkpoint.notes[0].contains("no classifier"), "{:?}", checkpoint.notes);
    }
}

#[test]
fn a_damaged_configuration_is_named() {
    for (content, culprit) in [
        ("", "config.json is empty: download it again"),
        ("not json", "config.json is not JSON (expected ident at line 1 column 2): download it again"),
        ("[]", "config.json is a list"),
        (r#"{"model_type": "vivit", "hidden_size": "64"}"#, r#"config.json: hidden_size is "64", but must be a whole"#),
        (r#"{"model_type": "vivit", "hidden_act": "relu"}"#, "`relu`"),
        (r#"{"model_type": "vivit", "num_attention_heads": 7}"#, "7 heads"),
    ] {
        assert_names(&refusal(overwritten("config.json", content).path()), &["config.json", culprit]);
    }
    assert_names(&refusal(overwritten("config.json", [0xff, 0xfe]).path()), &["config.json", "UTF-8"]);
}

#[test]
fn a_truncated_file_is_named() {
    let whole = fs::read(fixture("hf-tiny").join("model.safetensors")).unwrap();
    for (length, culprit) in [
        (0, "it is empty"),
        (5, "only 5 bytes"),
        (8, "where only 0 follow"),
        (100, "where only 92 follow"),
        (whole.len() - 4, "cut short"),
    ] {
        let folder = overwritten("model.safetensors", &whole[..length]);
        assert_names(&refusal(folder.path()), &["model.safetensors is damaged", culprit, "download it again"]);
    }
}

/// A safetensors file with this header and `data` zero bytes.
fn with_header(header: &str, data: usize) -> TempDir {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    overwritten("model.safetensors", bytes)
}

#[test]
fn a_lying_header_is_named() {
    let entry = |name: &str, shape: &str, start: u64, stop: u64| {
        format!(r#""{name}": {{"dtype": "F32", "shape": {shape}, "data_offsets": [{start}, {stop}]}}"#)
    };
    for (entries, culprits) in [
        (vec![entry("a", "[2]", 0, 8), entry("b", "[20]", 8, 88)], ["`b`", "cut short"]),
        (vec![entry("a", "[2]", 0, 8), entry("b", "[2]", 4, 12)], ["`b`", "inside the tensor before it"]),
        (vec![entry("a", "[2]", 4, 12)], ["`a`", "belong to no tensor"]),
        (vec![entry("a", "[1]", 0, 4)], ["12 bytes at its end", "belong to no tensor"]),
        (vec![entry("a", "[3]", 0, 16)], ["`a`", "not the size"]),
        (vec![entry("a", "[2]", 8, 0)], ["`a`", "not the size"]),
        (vec![entry("a", "[4294967296, 4294967296, 4294967296]", 0, 16)], ["`a`", "not the size"]),
        (vec![entry("a", "[0, 4294967296, 4294967296]", 0, 16)], ["`a`", "not the size"]),
        (vec![entry("a", "[2]", 0, 8), entry("a", "[2]", 8, 16)], ["`a`", "twice"]),
        (vec![entry("a", "[2]", 0, 8), entry("a", "[2]", 0, 8)], ["`a`", "twice"]),
        (vec![entry("a", "[-2]", 0, 8)], ["not a list of tensors", "-2"]),
        (vec![r#""a": 5"#.into()], ["not a list of tensors", "5"]),
        (vec![entry("a", "[2]", 0, 8).replace("F32", "Q7")], ["not a list of tensors", "Q7"]),
    ] {
        let folder = with_header(&format!("{{{}}}", entries.join(", ")), 16);
        assert_names(&refusal(folder.path()), &["model.safetensors is damaged", culprits[0], culprits[1]]);
    }
    assert_names(&refusal(with_header("[]", 0).path()), &["not a list of tensors"]);
    assert_names(&refusal(overwritten("model.safetensors", [0xff; 64]).path()), &["header of 18446744073709551615"]);
}

#[test]
fn a_git_lfs_pointer_is_recognised() {
    let folder = overwritten("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
    assert_names(&refusal(folder.path()), &["model.safetensors", "git lfs pull"]);
}

#[test]
fn a_file_that_shrinks_after_loading_is_an_error() {
    let folder = altered("hf-tiny", |_| {});
    let checkpoint = load(folder.path()).unwrap();
    let file = fs::OpenOptions::new().write(true).open(folder.path().join("model.safetensors")).unwrap();
    file.set_len(20_000).unwrap();
    let unread = checkpoint.parameters.names().into_iter().filter_map(|name| checkpoint.parameters.tensor(name).err());
    let errors: Vec<_> = unread.map(|error| error.to_string()).collect();
    assert!(!errors.is_empty());
    assert_names(&errors[0], &["cannot read", "model.safetensors"]);
}

#[test]
fn bad_shards_are_named() {
    let folder = sharded("hf-tiny");
    fs::remove_file(folder.path().join(shard_name(1))).unwrap();
    assert_names(&refusal(folder.path()), &["model.safetensors.index.json", &shard_name(1), "missing"]);

    let folder = sharded("hf-tiny");
    let mut second = stored(&folder.path().join(shard_name(1)));
    second.extend(stored(&folder.path().join(shard_name(0))).into_iter().take(1));
    write(&folder.path().join(shard_name(1)), &second);
    assert_names(&refusal(folder.path()), &["`classifier.bias`", &shard_name(0), &shard_name(1)]);

    let folder = sharded("hf-tiny");
    let mut first = stored(&folder.path().join(shard_name(0)));
    first.remove("classifier.bias");
    write(&folder.path().join(shard_name(0)), &first);
    assert_names(&refusal(folder.path()), &["`classifier.bias`", &shard_name(0), "does not hold it"]);

    for (index, culprit) in [
        (r#"{"weight_map": {"a": "../other/model.safetensors"}}"#, "`../other/model.safetensors`"),
        (r#"{"weight_map": 3}"#, "no list of shards"),
    ] {
        let folder = sharded("hf-tiny");
        fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
        assert_names(&refusal(folder.path()), &["model.safetensors.index.json", culprit]);
    }
}

#[test]
fn missing_files_are_named() {
    let folder = altered("hf-tiny", |_| {});
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    assert_names(&refusal(folder.path()), &["holds no weights", "model.safetensors"]);
    fs::write(folder.path().join("pytorch_model.bin"), "pickle").unwrap();
    let path = folder.path().display().to_string();
    let pickled = ["pytorch_model.bin", "save_pretrained", &path];
    assert_names(&refusal(folder.path()), &pickled);
    assert_names(&refusal(&folder.path().join("pytorch_model.bin")), &pickled);
    fs::copy(fixture("hf-tiny/model.safetensors"), folder.path().join("model.safetensors")).unwrap();
    fs::remove_file(folder.path().join("config.json")).unwrap();
    assert_names(&refusal(folder.path()), &["holds no config.json", &path]);
    let empty = tempfile::tempdir().unwrap();
    assert_names(&refusal(empty.path()), &["holds neither a config.json nor weights", "model.safetensors"]);
}
