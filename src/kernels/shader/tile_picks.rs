//! Which tile of workgroups a product gets: by what was timed on the device, else by a table of families of devices.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gpu::DeviceFamily;
use crate::kernels::shader::WorkgroupTile;
use crate::tensor::named;

/// The class of a product's shape: by its rows and by its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProductClass {
    /// Few rows, narrow: heads, the temporal encoder of Model 2.
    FewNarrow,
    /// Few rows, wide: the same encoder's queries, keys and values, and the first half of its MLP.
    FewWide,
    /// Many rows, narrow: embeddings, outputs of attention, second halves of MLPs.
    ManyNarrow,
    /// Many rows, wide: queries, keys and values, first halves of MLPs.
    ManyWide,
}

named!(
    ProductClass,
    "a class of products": FewNarrow = "few_narrow", FewWide = "few_wide", ManyNarrow = "many_narrow",
    ManyWide = "many_wide"
);

/// Up to here rows are few: the temporal encoder of Model 2 has 17 a clip, everything else of a ViT-B some 3,000.
const FEW_ROWS: usize = 256;
/// Up to here a product is narrow: the width of ViT-H, the widest backbone.
const NARROW_COLUMNS: usize = 1280;

impl ProductClass {
    /// Of a product of `rows` by `columns`.
    pub const fn of([rows, columns]: [usize; 2]) -> Self {
        match (rows <= FEW_ROWS, columns <= NARROW_COLUMNS) {
            (true, true) => Self::FewNarrow,
            (true, false) => Self::FewWide,
            (false, true) => Self::ManyNarrow,
            (false, false) => Self::ManyWide,
        }
    }
}

/// What the table says of some products on some devices.
struct TableRow {
    /// `None` for all families.
    family: Option<DeviceFamily>,
    /// `None` for all classes.
    class: Option<ProductClass>,
    /// `None` for what the variant `workgroup` does: 128 × 64 × 16 where so many of them keep a GPU busy, else 64 × 64 × 16.
    tile: Option<WorkgroupTile>,
    /// Why.
    reason: &'static str,
}

/// The first row that fits decides. A row is changed by a measurement, whose device its reason names.
static TABLE: [TableRow; 2] = [
    TableRow {
        family: Some(DeviceFamily::Software),
        class: None,
        tile: None,
        reason: "llvmpipe 22.3 to 26.1: blocks of 8 × 8 are 1.3 to 1.9 times as fast as of 4 × 4",
    },
    TableRow { family: None, class: None, tile: None, reason: "other tiles have been timed on no GPU" },
];

/// What the table says of products of `class` on devices of `family`.
fn tabled(family: DeviceFamily, class: ProductClass) -> Option<&'static TableRow> {
    let fits = |row: &&TableRow| row.family.is_none_or(|own| own == family) && row.class.is_none_or(|own| own == class);
    TABLE.iter().find(fits)
}

/// The tiles that were found fastest on a device, by kernel and class of product.
///
/// Where none was timed, a table of families of devices decides; it keeps the tiles of the variant `workgroup` where nothing
/// was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TilePicks(BTreeMap<String, BTreeMap<ProductClass, Option<WorkgroupTile>>>);

impl TilePicks {
    /// No tile was timed.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same and one more: `tile` is fastest for products of `class` by the kernel of this name; `None` for those of the
    /// variant `workgroup`.
    #[must_use]
    pub fn with(mut self, kernel: &str, class: ProductClass, tile: impl Into<Option<WorkgroupTile>>) -> Self {
        self.0.entry(kernel.to_owned()).or_default().insert(class, tile.into());
        self
    }

    /// Whether nothing was timed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tile of a product of `shape`, rows by columns, by the kernel of this name on a device of `family`; `None` for those
    /// of the variant `workgroup`.
    pub fn tile(&self, kernel: &str, shape: [usize; 2], family: DeviceFamily) -> Option<WorkgroupTile> {
        let class = ProductClass::of(shape);
        let timed = self.0.get(kernel).and_then(|classes| classes.get(&class));
        timed.copied().unwrap_or_else(|| tabled(family, class)?.tile)
    }

    /// Why products of `class` have the tile on devices of `family` that they have where none was timed.
    pub fn reason(family: DeviceFamily, class: ProductClass) -> &'static str {
        tabled(family, class).map_or("", |row| row.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_tell_the_products_of_the_models_apart() {
        let shapes = [[17, 768], [1, 400], [17, 3072], [3137, 768], [3136, 1280], [3137, 2304]];
        let classes = shapes.map(|shape| ProductClass::of(shape).name());
        assert_eq!(classes, ["few_narrow", "few_narrow", "few_wide", "many_narrow", "many_narrow", "many_wide"]);
    }

    /// Every family and class has a row, and every row a reason.
    #[test]
    fn the_table_keeps_what_was_not_measured() {
        assert!(TABLE.iter().all(|row| !row.reason.is_empty()));
        assert!(TABLE.last().is_some_and(|row| row.family.is_none() && row.class.is_none()));
        for &family in DeviceFamily::ALL {
            for &class in ProductClass::ALL {
                let row = tabled(family, class).unwrap();
                assert_eq!((row.tile, row.reason), (None, TilePicks::reason(family, class)), "{family}, {class}");
            }
        }
    }

    #[test]
    fn picks_win_over_the_table_and_survive_text() {
        let wide = WorkgroupTile::ALL[4];
        let picks = TilePicks::new().with("linear", ProductClass::ManyWide, wide);
        let picks = picks.with("linear", ProductClass::FewNarrow, None);
        let tile = |kernel, shape| picks.tile(kernel, shape, DeviceFamily::Nvidia);
        assert_eq!(tile("linear", [3137, 3072]), Some(wide));
        assert_eq!((tile("linear", [17, 768]), tile("linear", [3137, 768])), (None, None));
        assert_eq!(tile("tubelet_embed", [3137, 3072]), None);
        let text = serde_json::to_string(&picks).unwrap();
        assert_eq!(text, r#"{"linear":{"few_narrow":null,"many_wide":"workgroup.128x128x8"}}"#);
        assert_eq!(serde_json::from_str::<TilePicks>(&text).unwrap(), picks);
        let unknown = text.replace("128x128x8", "9x9x9");
        assert!(serde_json::from_str::<TilePicks>(&unknown).unwrap_err().to_string().contains("9x9x9"));
        assert!(serde_json::from_str::<TilePicks>(&text.replace("many_wide", "huge")).is_err());
    }
}
