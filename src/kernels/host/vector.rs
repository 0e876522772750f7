//! The widest instructions of the processor at hand.

use std::sync::LazyLock;

/// Lanes of the loops over vectors: a 512-bit register of floats, two of 256 bits, four of 128.
pub(in crate::kernels) const LANES: usize = 16;

static ARCHITECTURE: LazyLock<pulp::Arch> = LazyLock::new(pulp::Arch::new);

/// The instructions that loops over vectors are compiled for on this processor.
pub(crate) fn instructions() -> &'static str {
    match *ARCHITECTURE {
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V4(_) => "AVX-512",
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V3(_) => "AVX2",
        #[cfg(target_arch = "aarch64")]
        pulp::Arch::Neon(_) => "NEON",
        _ => "no wide vectors",
    }
}

/// Runs `work`, whose loops the compiler has vectorised for the processor at hand.
///
/// Everything within must be inlined into it: functions called there are `#[inline(always)]`.
#[inline(always)]
pub(in crate::kernels) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    ARCHITECTURE.dispatch(work)
}

/// Runs `work`, written in vectors of the processor at hand: for loops that the compiler would not vectorise.
pub(in crate::kernels) fn with_vectors<W: pulp::WithSimd>(work: W) -> W::Output {
    ARCHITECTURE.dispatch(work)
}
