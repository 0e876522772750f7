//! The gradient of pooling in plain loops.

use super::PoolGradient;
use crate::kernels::contract::input;
use crate::kernels::rows::pool::reference::counting_tokens;
use crate::kernels::rows::pool::{Pool, Pooling};
use crate::tensor::{Exact, Result};

pub(super) fn pool_gradient(call: &PoolGradient, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let Pool { sequences, tokens, width, pooling, .. } = call.pool;
    let gradient = input(inputs, 3)?.reals()?;
    let mut output = vec![0.0; sequences * tokens * width];
    for b in 0..sequences {
        let counting = counting_tokens(&call.pool, inputs, b)?;
        for c in 0..width {
            let of_vector = gradient[b * width + c];
            let at = |n: usize| (b * tokens + n) * width + c;
            match pooling {
                Pooling::Token => output[at(0)] = of_vector,
                Pooling::Sum => counting.iter().for_each(|&n| output[at(n)] = of_vector),
                Pooling::Mean => counting.iter().for_each(|&n| output[at(n)] = of_vector / counting.len() as f64),
                Pooling::Max => {
                    let (values, highest) = (input(inputs, 0)?.reals()?, input(inputs, 2)?.reals()?[b * width + c]);
                    let ties = counting.iter().filter(|&&n| values[at(n)] == highest).count();
                    for &n in &counting {
                        if highest.is_nan() {
                            output[at(n)] = f64::NAN;
                        } else if values[at(n)] == highest {
                            output[at(n)] = of_vector / ties as f64;
                        }
                    }
                }
            }
        }
    }
    Ok(vec![Exact::from_reals([sequences, tokens, width], output)?])
}
