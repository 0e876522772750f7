//! Shapes for the copy of some rows.

use super::TokenRows;
use crate::kernels::contract::{Case, Draw};

fn of(sequences: usize, tokens: usize, copied: std::ops::Range<usize>, width: usize) -> TokenRows {
    TokenRows { sequences, tokens, copied, width }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("one element", of(1, 1, 0..1, 1)),
        Case::new("all but the first", of(2, 19, 1..19, 12)),
        Case::new("the first", of(3, 19, 0..1, 5)),
        Case::new("some in the middle", of(3, 11, 4..9, 7)),
        Case::new("ViT-B clip", of(1, 3137, 1..3137, 768)).timed(),
        Case::new("groups in two dimensions", of(5, 40, 1..40, 13)).workgroups(8),
        Case::new("cut into pieces", of(11, 20, 1..20, 13)).binding_bytes(4096),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (width, tokens, sequences) = (draw.size(100), draw.size(60), draw.size(6));
    let copied = draw.part(tokens);
    let case = draw.poisoned(Case::new("random", of(sequences, tokens, copied, width)), 0);
    if tokens * width < 900 { draw.limited(case) } else { case }
}
