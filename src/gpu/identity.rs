//! Which device something belongs to.

use std::sync::atomic::{AtomicU64, Ordering};

/// The identity of an open device, unique in this process.
///
/// Devices number their memory from the same start: without identities, a buffer given to another device would silently
/// be another buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceId(u64);

impl DeviceId {
    /// An identity that no other device has.
    pub fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}
