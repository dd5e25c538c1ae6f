//! Where chance comes from.

/// Bytes that nobody can foresee: good enough for keys.
pub trait Chance: Send + Sync {
    /// Fills them all.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Chance + '_ {
    /// So many bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}
