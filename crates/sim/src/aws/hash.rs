//! A hash that is the same on every machine.

/// FNV-1a over words of eight bytes, with its last word mixed.
pub(super) struct Fnv(u64);

impl Fnv {
    const PRIME: u64 = 0x0100_0000_01b3;

    pub(super) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(super) fn number(&mut self, number: u64) {
        // The rotation lets high bits reach the low ones, which the product alone never does.
        self.0 = (self.0.rotate_left(23) ^ number).wrapping_mul(Self::PRIME);
    }

    pub(super) fn count(&mut self, count: usize) {
        self.number(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Its length goes first, so that two texts in a row are not another two.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.number(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.number(u64::from(*byte));
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }
}
