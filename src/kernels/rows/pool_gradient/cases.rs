//! Shapes for the gradient of pooling.

use super::PoolGradient;
use super::wgsl::{COLUMNS, TOKENS};
use crate::kernels::contract::{Case, Draw, rounded_reference};
use crate::kernels::rows::pool::{Masking, Pool, Pooling};
use crate::tensor::{Result, Tensor};

const EVERY: [Pooling; 4] = [Pooling::Token, Pooling::Mean, Pooling::Max, Pooling::Sum];

fn of(sequences: usize, tokens: usize, width: usize, pooling: Pooling) -> Pool {
    Pool::new(sequences, tokens, width, pooling)
}

/// `times` temporal indices of `tokens_per_time` tokens behind `class_tokens` class tokens.
fn masked(sequences: usize, class_tokens: usize, times: usize, tokens_per_time: usize, pooling: Pooling) -> Pool {
    let masking = Masking { class_tokens, tokens_per_time };
    of(sequences, class_tokens + times * tokens_per_time, 21, pooling).masking(masking)
}

/// Every third temporal index is not valid. The tokens of a maximum are given with it; some tie.
fn case(name: impl Into<String>, pool: Pool) -> Case {
    let elements = pool.sequences * pool.tokens * pool.width;
    with_tokens(name, pool, (0..elements).map(|index| ((index as f32).sin() * 16.0).round() / 16.0).collect())
}

fn with_tokens(name: impl Into<String>, pool: Pool, tokens: Vec<f32>) -> Case {
    let words = (0..pool.sequences * pool.times()).map(|index| u32::from(index % 3 != 1)).collect();
    let validity = pool.masking.map(|_| Tensor::u32([pool.sequences, pool.times()], words));
    let case = Case::new(name, PoolGradient::new(pool.clone()));
    if pool.pooling != Pooling::Max {
        return validity.into_iter().fold(case, |case, validity| case.given(0, validity));
    }
    let tokens = Tensor::f32([pool.sequences, pool.tokens, pool.width], tokens);
    let maxima = maxima(&pool, &tokens, validity.as_ref());
    let given = [Some(tokens), validity, Some(maxima)].into_iter().flatten();
    given.enumerate().fold(case, |case, (index, tensor)| case.given(index, tensor))
}

fn maxima(pool: &Pool, tokens: &Result<Tensor>, validity: Option<&Result<Tensor>>) -> Result<Tensor> {
    let validity = validity.cloned().transpose()?;
    let maxima = rounded_reference(pool, &[Some(tokens.as_ref().map_err(Clone::clone)?), validity.as_ref()])?;
    Ok(maxima[0].clone())
}

pub(super) fn cases() -> Vec<Case> {
    let (columns, tokens) = (COLUMNS as usize, TOKENS as usize);
    let mut cases = vec![
        case("Models 3 and 4 of ViT-B, mean", of(1, 3136, 768, Pooling::Mean)).timed(),
        case("Model 1 of ViT-B, class token", of(1, 3137, 768, Pooling::Token)).timed(),
        case("Model 2 of ViT-B, frames", of(16, 197, 768, Pooling::Token)),
        case("a group less one", of(2, tokens - 1, columns - 1, Pooling::Mean)),
        case("a group and one", of(2, tokens + 1, columns + 1, Pooling::Mean)),
        case("more sequences than workgroups in a dimension", of(65_537, 3, 2, Pooling::Mean)),
        case("Model 2, masked times", masked(3, 0, 16, 1, Pooling::Mean)),
        case("long and masked", masked(1, 1, 7, 5003, Pooling::Mean)),
        with_tokens("all tokens tie", of(2, 9, 5, Pooling::Max), vec![0.5; 2 * 9 * 5]),
    ];
    for pooling in EVERY {
        let name = |what: &str| format!("{what}, {pooling:?}");
        cases.extend([
            case(name("one element"), of(1, 1, 1, pooling)),
            case(name("primes"), of(3, 31, 251, pooling)),
            case(name("more tokens than loop iterations"), of(1, 70_001, 3, pooling)),
            case(name("cut between sequences"), of(11, 7, 24, pooling)).binding_bytes(2048),
            case(name("cut within sequences"), of(3, 53, 24, pooling)).binding_bytes(2048),
            case(name("masked"), masked(4, 1, 9, 6, pooling)),
            case(name("masked and cut within sequences"), masked(2, 1, 10, 7, pooling)).binding_bytes(2048),
        ]);
        cases.push(with_nans(pooling));
    }
    cases
}

/// A NaN in a token that counts and one in a token that does not; both in the gradient, too.
fn with_nans(pooling: Pooling) -> Case {
    let pool = masked(3, 1, 2, 3, pooling);
    let (tokens, width) = (pool.tokens, pool.width);
    let mut values: Vec<f32> = (0..3 * tokens * width).map(|index| (index as f32).sin()).collect();
    values[2 * width + 5] = f32::NAN;
    values[6 * width + 7] = f32::NAN;
    let mut gradient: Vec<f32> = (0..3 * width).map(|index| (index as f32).cos()).collect();
    gradient[width + 3] = f32::NAN;
    let case = with_tokens(format!("NaNs stay where they belong, {pooling:?}"), pool, values);
    let index = case.inputs.len() - 1;
    case.given(index, Tensor::f32([3, width], gradient))
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (sequences, width, pooling) = (draw.size(20), draw.size(300), draw.one_of(&EVERY));
    let most = (200_000 / (sequences * width)).clamp(1, 400);
    let pool = match draw.chance() {
        false => of(sequences, draw.size(most), width, pooling),
        true => {
            let class_tokens = 1 + draw.below(2);
            let tokens_per_time = draw.size(most.min(50));
            let times = draw.size((most / tokens_per_time).max(1));
            Pool { width, ..masked(sequences, class_tokens, times, tokens_per_time, pooling) }
        }
    };
    let case = case("random", pool);
    let index = case.inputs.len() - 1;
    let case = draw.poisoned(case, index);
    draw.limited(case)
}
