//! The widest instructions of the processor at hand.

use std::sync::LazyLock;

/// Lanes that loops over vectors are written for: a 512-bit register of floats, two of 256 bits, four of 128.
pub(in crate::kernels) const LANES: usize = 16;

/// Runs `work`, whose loops the compiler has vectorised for the processor at hand.
///
/// Everything within must be inlined into it: functions called there are `#[inline(always)]`.
#[inline(always)]
pub(in crate::kernels) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    static ARCHITECTURE: LazyLock<pulp::Arch> = LazyLock::new(pulp::Arch::new);
    ARCHITECTURE.dispatch(work)
}
