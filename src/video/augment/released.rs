//! The augmentations of the released models.

use super::{Augmentation, ColourJitter, RandAugment, ScaleJitter};
use crate::tensor::named;

/// A data set of the paper, as its models were trained (paper, Table 7; spec §6.1, §8.1, §8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReleasedAugmentation {
    /// Kinetics 400; its three configurations augment alike.
    K400,
    /// Kinetics 600.
    K600,
    /// Moments in Time, after the paper's table: no configuration is released.
    Mit,
    /// Epic Kitchens 100.
    Ek100,
    /// Something-Something v2.
    Ssv2,
}

named!(ReleasedAugmentation, "a released augmentation":
    K400 = "k400", K600 = "k600", Mit = "mit", Ek100 = "ek100", Ssv2 = "ssv2");

impl ReleasedAugmentation {
    /// What is done to clips of this data set.
    pub fn augmentation(self) -> Augmentation {
        let all = Augmentation::default().flip(0.5).scale_jitter(ScaleJitter::new(0.9, 1.33));
        match self {
            Self::K400 | Self::K600 | Self::Mit => all.colour_jitter(ColourJitter::default()),
            Self::Ek100 => all.stride(1).rand_augment(RandAugment::new(2, 15)).label_smoothing(0.2).mixup(0.1),
            Self::Ssv2 => {
                let larger = all.stride(1).short_edge(288).crop([256, 256]);
                larger.rand_augment(RandAugment::new(2, 20)).label_smoothing(0.3).mixup(0.3)
            }
        }
    }
}
