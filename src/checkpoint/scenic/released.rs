//! The checkpoints that scenic's authors released. They come without a configuration, but have shapes of their own.

use super::evidence::Evidence;
use crate::vivit::{LabelHead, Labelling};

/// One released checkpoint; all of them are of tubelets of 2×16×16 in clips of 32 frames of 224×224.
pub(super) struct Released {
    pub(super) name: &'static str,
    factorised_encoder: bool,
    width: usize,
    layers: usize,
    heads: usize,
    classes: usize,
    /// What the classes are where they are of several kinds.
    label_heads: &'static [(&'static str, usize)],
}

pub(super) const FRAMES: usize = 32;
pub(super) const SIDE: usize = 224;
const TUBELET_FRAMES: usize = 2;
const PATCH: usize = 16;

/// Depths of temporal encoders are left out: the files do not have those of their configurations.
const RELEASED: [Released; 5] = [
    Released {
        name: "ViViT-B/16x2 for Kinetics-400",
        factorised_encoder: false,
        width: 768,
        layers: 12,
        heads: 12,
        classes: 400,
        label_heads: &[],
    },
    Released {
        name: "ViViT-B/16x2, factorised encoder, for Kinetics-400",
        factorised_encoder: true,
        width: 768,
        layers: 12,
        heads: 12,
        classes: 400,
        label_heads: &[],
    },
    Released {
        name: "ViViT-L/16x2, factorised encoder, for Kinetics-400",
        factorised_encoder: true,
        width: 1024,
        layers: 24,
        heads: 16,
        classes: 400,
        label_heads: &[],
    },
    Released {
        name: "ViViT-L/16x2, factorised encoder, for Kinetics-600",
        factorised_encoder: true,
        width: 1024,
        layers: 24,
        heads: 16,
        classes: 600,
        label_heads: &[],
    },
    Released {
        name: "ViViT-L/16x2, factorised encoder, for Epic Kitchens",
        factorised_encoder: true,
        width: 1024,
        layers: 24,
        heads: 16,
        classes: 397,
        label_heads: &[("noun", 300), ("verb", 97)],
    },
];

impl Released {
    /// The released checkpoint of this shape.
    pub(super) fn of(found: &Evidence) -> Option<&'static Self> {
        let temporal = FRAMES / TUBELET_FRAMES;
        let spatial = (SIDE / PATCH) * (SIDE / PATCH);
        let tokens = match (found.factorised_encoder, found.temporal) {
            (true, Some(encoder)) => encoder.tokens == temporal && found.encoder.tokens == spatial,
            (true, None) => false,
            (false, _) => found.encoder.tokens == temporal * spatial,
        };
        let tubelets = found.tubelet_frames == Some(TUBELET_FRAMES) && found.patch == [PATCH; 2] && found.planes == 3;
        let size = found.encoder.size;
        RELEASED.iter().find(|released| {
            tokens
                && tubelets
                && found.class_token
                && found.representation.is_none()
                && released.factorised_encoder == found.factorised_encoder
                && (released.width, released.classes) == (found.width, found.classes)
                && (released.layers, released.heads, 4 * released.width) == (size.layers, size.heads, size.hidden)
        })
    }

    /// What its logits mean.
    pub(super) fn labelling(&self) -> Labelling {
        let head = |&(name, classes): &(&str, usize)| LabelHead { name: name.into(), classes };
        match self.label_heads {
            [] => Labelling::Single,
            heads => Labelling::Heads(heads.iter().map(head).collect()),
        }
    }
}
