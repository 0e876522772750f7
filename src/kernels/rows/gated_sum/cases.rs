//! Shapes for a gated sum.

use super::GatedSum;
use crate::kernels::contract::{Case, Draw, FEW, Fill};
use crate::kernels::rows::elements::ELEMENTS;
use crate::tensor::Tensor;

fn of(sequences: usize, rows: usize, width: usize) -> GatedSum {
    GatedSum::new(sequences, rows, width)
}

/// A case of one gate a sequence, given.
fn gated(name: &str, call: GatedSum, gates: Vec<f32>) -> Case {
    let index = 1 + usize::from(call.residual);
    let shape = [call.gates, call.sequences];
    Case::new(name, call).given(index, Tensor::f32(shape, gates))
}

pub(super) fn cases() -> Vec<Case> {
    let tile = ELEMENTS as usize;
    let mut cases = vec![
        gated("one element", of(1, 1, 1), vec![1.0]),
        gated("one of two clips of ViT-B left out", of(2, 3137, 768), vec![1.0, 0.0]).timed(),
        gated("kept branches rescaled", of(3, 17, 12), vec![1.25, 0.0, 1.25]),
        gated("all but one left out", of(4, 5, 7), vec![0.0, 0.0, 1.0, 0.0]),
        gated("the gradient of a branch", of(3, 17, 12).residual(false), vec![0.0, 1.0, 1.25]),
        Case::new("a gate among others", of(3, 31, 7).gate(4, 6)),
        Case::new("the last gate", of(3, 31, 7).gate(5, 6)),
        Case::new("a group less one", of(1, 1, tile - 1)),
        Case::new("a group and one", of(1, 1, tile + 1)),
        Case::new("a sequence an element", of(tile + 3, 1, 1)),
        Case::new("sequences shorter than an invocation's stride", of(29, 3, 5)),
        Case::new("primes", of(5, 31, 251)),
        Case::new("groups in two dimensions", of(3, 13, tile)).workgroups(7),
        Case::new("cut within sequences", of(3, 101, 12).gate(1, 2)).binding_bytes(4096),
        Case::new("cut among sequences", of(23, 10, 12).gate(1, 2)).binding_bytes(4096),
        Case::new("cut without a residual", of(3, 101, 12).residual(false)).binding_bytes(4096),
    ];
    let mut values = vec![1.0; 2 * 9];
    values[4] = f32::NAN;
    values[13] = f32::NAN;
    let nans = gated("a NaN of a branch that is left out", of(2, 3, 3), vec![0.0, 1.0]);
    cases.push(nans.given(0, Tensor::f32([6, 3], values)));
    cases.push(gated("a gate that is NaN", of(2, 3, 3), vec![f32::NAN, 1.0]));
    cases
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (sequences, width) = (draw.size(9), draw.size(300));
    let rows = draw.size((60_000 / (sequences * width)).clamp(1, 300));
    let gates = draw.size(5);
    let gate = draw.below(gates);
    let residual = !draw.chance();
    let mut case = Case::new("random", of(sequences, rows, width).gate(gate, gates).residual(residual));
    if sequences * rows * width < FEW {
        // Nothing cancels there.
        for index in 0..case.inputs.len() {
            case = case.fill(index, Fill::Between(0.0, 1.0));
        }
    }
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
