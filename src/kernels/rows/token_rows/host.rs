//! The copy of some rows on the host.

use super::TokenRows;
use crate::kernels::host::{Arguments, Threads};
use crate::tensor::Result;

pub(super) fn token_rows(call: &TokenRows, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let input = arguments.floats(0)?;
    threads.chunks(arguments.output(0)?, call.copied.len() * call.width, |sequence, output| {
        let first = (sequence * call.tokens + call.copied.start) * call.width;
        output.copy_from_slice(&input[first..][..output.len()]);
    });
    Ok(())
}
