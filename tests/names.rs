//! One word, one thing: two public types never share a name.

use std::collections::BTreeMap;
use std::path::Path;

#[path = "common/source.rs"]
mod source;

use source::{code_of, rust_files, words};

/// Floors whose types no user of the library sees.
const HIDDEN: [&str; 2] = ["cli", "main.rs"];

#[test]
fn no_two_public_types_share_a_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut types = Types::default();
    for file in rust_files(&root) {
        let place = file.strip_prefix(&root).unwrap();
        if HIDDEN.iter().all(|hidden| !place.starts_with(hidden)) {
            types.add(&place.display().to_string(), &std::fs::read_to_string(&file).unwrap());
        }
    }
    assert!(types.0.len() > 200, "only {} types are found", types.0.len());
    let shared = types.shared();
    assert!(shared.is_empty(), "{}", shared.join("\n"));
}

/// The check itself rejects what it is there to reject.
#[test]
fn a_shared_name_is_found() {
    let mut types = Types::default();
    types.add("a.rs", "pub struct Plan; pub enum Kind { One } pub trait Step {} // pub struct Kind");
    types.add(
        "b.rs",
        "pub(crate) struct Plan; struct Kind; pub fn plan() -> Plan { let pub_struct = \"pub enum Step\"; }",
    );
    assert_eq!(types.shared(), Vec::<String>::new());
    types.add("c.rs", "pub type Plan = u32;\npub unsafe trait Step {}");
    assert_eq!(types.shared(), ["Plan: a.rs, c.rs", "Step: a.rs, c.rs"]);
}

/// The files that declare each public type.
#[derive(Default)]
struct Types(BTreeMap<String, Vec<String>>);

impl Types {
    fn add(&mut self, file: &str, text: &str) {
        let code = code_of(text);
        let words: Vec<&str> = words(&code).filter(|word| !word.is_empty() && *word != "unsafe").collect();
        for three in words.windows(3) {
            if let ["pub", "struct" | "enum" | "trait" | "type" | "union", name] = three {
                self.0.entry((*name).to_owned()).or_default().push(file.to_owned());
            }
        }
    }

    /// Those that several files declare.
    fn shared(&self) -> Vec<String> {
        let several = self.0.iter().filter(|(_, files)| files.len() > 1);
        several.map(|(name, files)| format!("{name}: {}", files.join(", "))).collect()
    }
}
