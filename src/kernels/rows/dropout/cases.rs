//! Shapes for dropout.

use super::Dropout;
use crate::kernels::contract::{Case, Draw};
use crate::kernels::rows::elements::ELEMENTS;
use crate::tensor::Tensor;

fn of(clips: usize, rows: usize, width: usize, rate: f64) -> Dropout {
    Dropout::new(clips, rows, width, rate)
}

pub(super) fn cases() -> Vec<Case> {
    let tile = ELEMENTS as usize;
    let mut values: Vec<f32> = (0..97).map(|index| (index as f32).sin()).collect();
    values[3] = f32::NAN;
    values[11..60].fill(f32::NAN);
    vec![
        Case::new("one element, kept", of(1, 1, 1, 0.0)),
        Case::new("nothing dropped", of(2, 17, 12, 0.0)),
        Case::new("hidden layer of ViT-B", of(1, 1569, 3072, 0.1)).timed(),
        Case::new("half of two clips", of(2, 65, 48, 0.5).draw(7)),
        Case::new("nearly all", of(3, 37, 41, 0.99).draw(1)),
        Case::new("a group less one", of(1, 1, tile - 1, 0.3)),
        Case::new("a group and one", of(1, 1, tile + 1, 0.3)),
        Case::new("a clip an element", of(tile + 3, 1, 1, 0.3)),
        Case::new("primes", of(5, 31, 251, 0.3)),
        Case::new("the same key for all", of(4, 9, 7, 0.3)).given(1, Tensor::u32([4, 2], vec![5; 8])),
        Case::new("keys and numbers that overflow", of(2, 9, 40, 0.5).draw(u32::MAX))
            .given(1, Tensor::u32([2, 2], vec![u32::MAX; 4])),
        Case::new("groups in two dimensions", of(3, 13, tile, 0.3)).workgroups(7),
        Case::new("cut within clips", of(3, 101, 12, 0.3)).binding_bytes(4096),
        Case::new("cut among clips", of(23, 10, 12, 0.3)).binding_bytes(4096),
        Case::new("NaNs, some of them dropped", of(1, 1, 97, 0.5)).given(0, Tensor::f32([1, 97], values)),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (clips, width) = (draw.size(9), draw.size(300));
    let rows = draw.size((60_000 / (clips * width)).clamp(1, 300));
    let rate = draw.one_of(&[0.0, 0.1, 0.5, 0.9]);
    let number = draw.below(1000) as u32;
    let case = Case::new("random", of(clips, rows, width, rate).draw(number));
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
