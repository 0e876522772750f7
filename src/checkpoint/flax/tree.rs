//! The model's parameters among all that a training state holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use crate::checkpoint::arrays::{Arrays, Dtype};
use crate::tensor::{Error, Result, Shape, Tensor};

/// Where files hold a model's parameters: scenic's older training states, those of `big_vision`, newer ones.
pub(crate) const ROOTS: [&str; 3] = ["optimizer/target/", "opt/target/", "params/"];
/// A further level that may be around the parameters.
const WRAPPING: &str = "params/";

/// A model's parameters, by the names that Flax Linen gives them, joined by `/`, in the layouts of Flax.
#[derive(Debug)]
pub(crate) struct ParameterTree {
    arrays: Box<dyn Arrays>,
    /// The stored name of each name.
    stored: BTreeMap<String, String>,
}

impl ParameterTree {
    /// The parameters in `arrays`: below the first known root that is there, else all arrays.
    pub(crate) fn of(arrays: Box<dyn Arrays>) -> Self {
        let names = arrays.names();
        let below = |root: &str| names.iter().any(|name| name.starts_with(root));
        let mut root = ROOTS.into_iter().find(|root| below(root)).unwrap_or("").to_owned();
        while below(&format!("{root}{WRAPPING}")) {
            root.push_str(WRAPPING);
        }
        let paths: Vec<_> = names.iter().filter_map(|name| name.strip_prefix(root.as_str())).collect();
        let linen = LinenNames::of(&paths);
        let stored = paths.iter().map(|path| (linen.rename(path), format!("{root}{path}"))).collect();
        Self { arrays, stored }
    }

    fn stored(&self, name: &str) -> Option<&str> {
        self.stored.get(name).map(String::as_str)
    }
}

impl Arrays for ParameterTree {
    fn path(&self) -> &Path {
        self.arrays.path()
    }

    fn names(&self) -> Vec<&str> {
        self.stored.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<Shape> {
        self.arrays.shape(self.stored(name)?)
    }

    fn dtype(&self, name: &str) -> Option<Dtype> {
        self.arrays.dtype(self.stored(name)?)
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        let stored = self.stored(name);
        let missing = || Error::usage(format!("{} holds no parameter `{name}`", self.path().display()));
        self.arrays.tensor(stored.ok_or_else(missing)?)
    }
}

/// New names of modules that Flax numbered before Linen: by their path, their new last part.
///
/// Before Linen, all modules within one were counted together (`LayerNorm_0`, `MlpBlock_1`, `LayerNorm_2`), since then
/// each class by itself (`LayerNorm_0`, `MlpBlock_0`, `LayerNorm_1`).
struct LinenNames(HashMap<String, String>);

impl LinenNames {
    fn of(paths: &[&str]) -> Self {
        let mut modules: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for path in paths {
            for (end, _) in path.match_indices('/') {
                let (parent, module) = path[..end].rsplit_once('/').unwrap_or(("", &path[..end]));
                modules.entry(parent).or_default().insert(module);
            }
        }
        Self(modules.into_iter().flat_map(|(parent, modules)| renumbered(parent, &modules)).collect())
    }

    fn rename(&self, path: &str) -> String {
        let mut renamed = String::new();
        let mut end = 0;
        for part in path.split_inclusive('/') {
            let module = part.trim_end_matches('/');
            let known = self.0.get(&path[..end + module.len()]).map(String::as_str);
            renamed.push_str(known.unwrap_or(module));
            renamed.push_str(&part[module.len()..]);
            end += part.len();
        }
        renamed
    }
}

/// The new names of the `modules` within `parent`; none where their numbers show that each class is counted by itself.
fn renumbered(parent: &str, modules: &BTreeSet<&str>) -> Vec<(String, String)> {
    let numbered = modules.iter().filter_map(|module| {
        let (class, digits) = module.rsplit_once('_')?;
        let number: usize = digits.parse().ok()?;
        // Flax numbers modules by their classes, in capitals; the other numbers are those of the models' authors.
        let by_flax = class.starts_with(|first: char| first.is_ascii_uppercase());
        (by_flax && number.to_string() == digits).then_some((number, class))
    });
    let mut in_order: Vec<_> = numbered.collect();
    in_order.sort_unstable();
    if in_order.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Vec::new();
    }
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut renames = Vec::new();
    for (number, class) in in_order {
        let count = counts.entry(class).or_default();
        let old = if parent.is_empty() { format!("{class}_{number}") } else { format!("{parent}/{class}_{number}") };
        renames.push((old, format!("{class}_{count}")));
        *count += 1;
    }
    renames
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed<'a>(paths: &[&'a str]) -> Vec<(&'a str, String)> {
        let names = LinenNames::of(paths);
        paths.iter().map(|path| (*path, names.rename(path))).collect()
    }

    #[test]
    fn modules_that_were_counted_together_are_counted_by_class() {
        for (old, new) in renamed(&[
            "Transformer/encoderblock_11/LayerNorm_0/scale",
            "Transformer/encoderblock_11/MultiHeadDotProductAttention_1/query/kernel",
            "Transformer/encoderblock_11/LayerNorm_2/scale",
            "Transformer/encoderblock_11/MlpBlock_3/Dense_0/kernel",
            "Transformer/encoderblock_11/MlpBlock_3/Dense_2/kernel",
            "Transformer/encoder_norm/scale",
            "cls",
        ]) {
            let expected = old
                .replace("Attention_1", "Attention_0")
                .replace("LayerNorm_2", "LayerNorm_1")
                .replace("MlpBlock_3", "MlpBlock_0")
                // A Dropout_1 without parameters lay between the two.
                .replace("Dense_2", "Dense_1");
            assert_eq!(new, expected);
        }
    }

    #[test]
    fn ten_comes_after_two() {
        let names = renamed(&["A_2/a", "B_3/a", "A_10/a"]);
        assert_eq!(names.into_iter().map(|(_, new)| new).collect::<Vec<_>>(), ["A_0/a", "B_0/a", "A_1/a"]);
    }

    #[test]
    fn modules_that_are_counted_by_class_keep_their_names() {
        for (old, new) in renamed(&[
            "Transformer/encoderblock_3/LayerNorm_0/scale",
            "Transformer/encoderblock_3/LayerNorm_1/scale",
            "Transformer/encoderblock_3/MultiHeadDotProductAttention_0/out/bias",
            "Transformer/encoderblock_3/MlpBlock_0/Dense_0/kernel",
            "Transformer/encoderblock_3/MlpBlock_0/Dense_1/kernel",
            "Transformer/encoderblock_7/MlpBlock/Dense_0/kernel",
            "Transformer/encoderblock_7/LayerNorm_space/scale",
            "cls_SpatialTransformer",
        ]) {
            assert_eq!(new, old);
        }
    }
}
