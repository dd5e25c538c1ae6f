//! Chance.

use lmall_app::ports::Chance;

/// The operating system's.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemChance;

impl Chance for SystemChance {
    /// # Panics
    /// When the operating system has no random bytes: nothing that is secret can be made then.
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has random bytes");
    }
}
