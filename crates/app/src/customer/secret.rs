//! Secrets that are shown once: how they are made, and what is kept of them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use lmall_domain::customer::TokenHash;
use sha2::{Digest, Sha256};

/// What is kept of a secret of 128 bits or more: nobody finds one with this hash, so that a plain
/// comparison tells nothing either.
pub(super) fn kept(secret: &[u8]) -> TokenHash {
    TokenHash(hex::encode(Sha256::digest(secret)))
}

pub(super) fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a secret of exactly this length.
pub(super) fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    // Longer texts are not even decoded.
    if text.len() > N.div_ceil(3) * 4 {
        return None;
    }
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}
