//! [`Pin`]: what a user proves an identity with.

use super::Secret;

/// A PIN as the caller gave it, byte for byte. Its rules (length, UTF-8) are the token's to check.
pub struct Pin(Secret);

impl Pin {
    /// Copies a caller's PIN.
    pub fn from_slice(bytes: &[u8]) -> Self {
        Self(Secret::from_slice(bytes))
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the caller gave no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pin_is_kept_byte_for_byte() {
        let pin = Pin::from_slice(b"12\0\xFF");
        assert_eq!((pin.expose(), pin.len(), pin.is_empty()), (&b"12\0\xFF"[..], 4, false));
        assert!(Pin::from_slice(b"").is_empty());
    }
}
