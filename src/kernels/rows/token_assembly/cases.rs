//! Shapes for token assembly.

use super::TokenAssembly;
use super::wgsl::INVOCATIONS;
use crate::kernels::contract::{Case, Draw};
use crate::tensor::Tensor;

fn of(sequences: usize, tokens: usize, width: usize) -> TokenAssembly {
    TokenAssembly { sequences, tokens, width, class_token: true, positions: true }
}

/// One f32 addition an element: nothing may be off by a bit.
fn exact(name: &str, call: TokenAssembly) -> Case {
    Case::new(name, call)
}

pub(super) fn cases() -> Vec<Case> {
    let invocations = INVOCATIONS as usize;
    let mut cases = vec![
        exact("one element", of(1, 1, 1)),
        exact("Model 1 of ViT-B", of(1, 3136, 768)).timed(),
        exact("Model 2 of ViT-B, spatial", of(16, 196, 768)).timed(),
        exact("Model 2 of ViT-B, temporal", of(2, 16, 768)),
        exact("without a class token", TokenAssembly { class_token: false, ..of(3, 49, 40) }),
        exact("without positions", TokenAssembly { positions: false, ..of(3, 49, 40) }),
        exact("without either", TokenAssembly { class_token: false, positions: false, ..of(3, 49, 40) }),
        exact("a group less one", of(2, 5, invocations - 1)),
        exact("a group and one", of(2, 5, invocations + 1)),
        exact("primes", of(3, 31, 251)),
        exact("wide rows", of(2, 2, 70_001)),
        exact("more rows than workgroups in a dimension", of(2, 32_768, 3)),
        exact("cut between and within sequences", of(7, 30, 12)).binding_bytes(4096),
        exact("cut without positions", TokenAssembly { positions: false, ..of(5, 30, 12) }).binding_bytes(2048),
        exact("cut below one table of positions", of(3, 100, 20)).binding_bytes(2048),
        exact("cut to single rows", of(2, 3, 320)).binding_bytes(2304),
    ];
    let mut poisoned: Vec<f32> = (0..2 * 4 * 9).map(|index| (index as f32).sin()).collect();
    poisoned[40] = f32::NAN;
    cases.push(exact("a NaN stays where it is", of(2, 4, 9)).given(0, Tensor::f32([2 * 4, 9], poisoned)));
    cases
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (sequences, width) = (draw.size(20), draw.size(300));
    let tokens = draw.size((60_000 / (sequences * width)).clamp(1, 200));
    let (class_token, positions) = (draw.chance(), draw.chance());
    let case = exact("random", TokenAssembly { class_token, positions, ..of(sequences, tokens, width) });
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
