//! The end of the engine in this process: it has none, because it has no destructors of its own.

/// Whether the engine must not be called any more.
#[inline]
pub const fn ended() -> bool {
    false
}
