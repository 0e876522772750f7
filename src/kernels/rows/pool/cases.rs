//! Shapes for pooling.

use super::wgsl::COLUMNS;
use super::{Masking, Pool, Pooling};
use crate::kernels::contract::{Case, Draw, FEW, Fill};
use crate::tensor::Tensor;

const EVERY: [Pooling; 4] = [Pooling::Token, Pooling::Mean, Pooling::Max, Pooling::Sum];

fn of(sequences: usize, tokens: usize, width: usize, pooling: Pooling) -> Pool {
    Pool { sequences, tokens, width, pooling, masking: None }
}

/// `times` temporal indices of `tokens_per_time` tokens behind `class_tokens` class tokens.
fn masked(sequences: usize, class_tokens: usize, times: usize, tokens_per_time: usize, pooling: Pooling) -> Pool {
    let masking = Some(Masking { class_tokens, tokens_per_time });
    Pool { masking, ..of(sequences, class_tokens + times * tokens_per_time, 21, pooling) }
}

fn case(name: String, call: Pool) -> Case {
    let case = Case::new(name, call.clone());
    if call.masking.is_some() { case.fill(1, Fill::Words(2)) } else { case }
}

pub(super) fn cases() -> Vec<Case> {
    let columns = COLUMNS as usize;
    let mut cases = vec![
        case("Models 3 and 4 of ViT-B, mean".into(), of(1, 3136, 768, Pooling::Mean)).timed(),
        case("Model 1 of ViT-B, class token".into(), of(1, 3137, 768, Pooling::Token)).timed(),
        case("Model 2 of ViT-B, frames".into(), of(16, 197, 768, Pooling::Token)),
        case("positive values, mean".into(), of(1, 3136, 31, Pooling::Mean)).fill(0, Fill::Between(0.0, 1.0)),
        case("a group less one".into(), of(2, 9, columns - 1, Pooling::Mean)),
        case("a group and one".into(), of(2, 9, columns + 1, Pooling::Mean)),
        case("more sequences than workgroups in a dimension".into(), of(65_537, 3, 2, Pooling::Mean)),
        case("constant tokens are their mean".into(), of(2, 4096, 5, Pooling::Mean)).fill(0, Fill::Constant(0.3)),
        case("more constant tokens".into(), of(1, 12_544, 5, Pooling::Mean)).fill(0, Fill::Constant(0.7)),
        case("Model 2, masked times".into(), masked(3, 0, 16, 1, Pooling::Mean)),
        case("a class token and masked times".into(), masked(3, 1, 8, 1, Pooling::Mean)),
        case("long and masked".into(), masked(1, 1, 7, 5003, Pooling::Mean)),
    ];
    for pooling in EVERY {
        let name = |what: &str| format!("{what}, {pooling:?}");
        cases.extend([
            case(name("one element"), of(1, 1, 1, pooling)),
            case(name("primes"), of(3, 31, 251, pooling)),
            case(name("more tokens than loop iterations"), of(1, 70_001, 3, pooling)),
            case(name("cut between sequences"), of(11, 7, 24, pooling)).binding_bytes(2048),
            case(name("cut within sequences"), of(3, 53, 24, pooling)).binding_bytes(2048),
            case(name("all below zero"), of(2, 37, 20, pooling)).fill(0, Fill::Between(-2.0, -1.0)),
            case(name("masked"), masked(4, 1, 9, 6, pooling)),
            case(name("masked and cut within sequences"), masked(2, 1, 10, 7, pooling)).binding_bytes(2048),
            case(name("everything valid"), masked(2, 0, 5, 4, pooling)).fill(1, Fill::Words(0)),
        ]);
        cases.push(with_nans(pooling));
    }
    cases
}

/// Three sequences of one class token and 2 temporal indices of 3 tokens, the second index not valid: a NaN in a token
/// that counts, one in a token that does not, and a sequence without valid index.
fn with_nans(pooling: Pooling) -> Case {
    let call = masked(3, 1, 2, 3, pooling);
    let (tokens, width) = (call.tokens, call.width);
    let mut values: Vec<f32> = (0..3 * tokens * width).map(|index| (index as f32).sin()).collect();
    values[2 * width + 5] = f32::NAN;
    values[(tokens + 6) * width + 7] = f32::NAN;
    let values = Tensor::f32([3 * tokens, width], values);
    let validity = Tensor::u32([3, 2], vec![1, 0, 1, 0, 0, 0]);
    case(format!("a NaN counts where its token does, {pooling:?}"), call).given(0, values).given(1, validity)
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (sequences, width, pooling) = (draw.size(20), draw.size(300), draw.one_of(&EVERY));
    let most = (200_000 / (sequences * width)).clamp(1, 400);
    let call = match draw.chance() {
        false => of(sequences, draw.size(most), width, pooling),
        true => {
            let class_tokens = draw.below(3);
            let tokens_per_time = draw.size(most.min(50));
            let times = draw.size((most / tokens_per_time).max(1));
            Pool { width, ..masked(sequences, class_tokens, times, tokens_per_time, pooling) }
        }
    };
    let case = case("random".into(), call);
    // The sum of values of one sign is not next to nothing.
    let case = if sequences * width < FEW { case.fill(0, Fill::Between(0.25, 1.0)) } else { case };
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
