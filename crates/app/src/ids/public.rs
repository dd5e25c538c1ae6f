//! Public ids: what an id is called where nobody shall read from it when and how many orders
//! were placed.
//!
//! A public id is one block of AES-128 over the 64 bits of the id and 64 bits of zero, as 26
//! digits of Crockford's base 32, behind one more digit that names the key:
//!
//! ```text
//! a1ytdy2a738w997ne32y3yvy0f8   key `a`, then 128 bits
//! ```
//!
//! It is a permutation, so two ids never have one public id, and nothing has to be stored. Whoever
//! does not have the key neither reads nor makes one: of what they make up, one in 2^64 has zeros
//! where there must be some. It hides; it does not authorize.
//!
//! To change the key: put a new one in front. It names all ids from then on; those that older keys
//! named are read for as long as these are kept.

use std::{fmt, str::FromStr, sync::Arc};

use aes::{
    Aes128,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use lmall_domain::OrderId;
use parking_lot::RwLock;
use ulid::Ulid;

/// Characters of a public id: the key's name, and 128 bits at five a character.
pub const LEN: usize = 27;

/// How many keys there can be: a name is one digit of base 32.
pub const KEYS_MAX: usize = 32;

/// The digits of Crockford's base 32: no `i`, `l`, `o` or `u`.
const DIGITS: &str = "0123456789abcdefghjkmnpqrstvwxyz";

const _: () = assert!(DIGITS.len() == KEYS_MAX);

/// Bytes of a key.
const KEY_LEN: usize = 16;

/// Keys that cannot be used. It does not repeat them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not keys of public ids: {0}")]
pub struct BadKeys(&'static str);

/// The keys, the one that names new public ids first.
///
/// As text: `b:0f1e…,a:9d8c…`, a name of one digit and 32 hexadecimal digits each.
#[derive(Clone)]
pub struct PublicIdKeys(Vec<(char, Aes128)>);

/// The keys of a process, if it has any; clones share them, and see when they are replaced.
#[derive(Clone, Default)]
pub struct PublicIds(Arc<RwLock<Option<Arc<PublicIdKeys>>>>);

impl PublicIdKeys {
    /// The public id of an id.
    #[must_use]
    pub fn encode(&self, id: OrderId) -> String {
        let (name, cipher) = self.0.first().expect("there is at least one key");
        let mut block = (u128::from(id.get()) << 64).to_be_bytes().into();
        cipher.encrypt_block(&mut block);
        text(*name, u128::from_be_bytes(block.into()))
    }

    /// The id that a public id names, in capitals or not; `None` when none of these keys made it.
    #[must_use]
    pub fn decode(&self, public: &str) -> Option<OrderId> {
        if public.len() != LEN || !public.is_ascii() {
            return None;
        }
        let public = public.to_ascii_lowercase();
        let name = public.chars().next()?;
        let (_, cipher) = self.0.iter().find(|(named, _)| *named == name)?;
        let Ulid(bits) = Ulid::from_string(public.get(1..)?).ok()?;
        // 26 digits have room for 130 bits: of the texts of one block, one is the public id.
        if text(name, bits) != public {
            return None;
        }
        let mut block = bits.to_be_bytes().into();
        cipher.decrypt_block(&mut block);
        let plain = u128::from_be_bytes(block.into());
        // The low half must be zero, and the high half an id.
        let id = u64::try_from(plain >> 64).ok()?;
        (u128::from(id) << 64 == plain).then(|| OrderId::new(id)).flatten()
    }
}

fn text(name: char, bits: u128) -> String {
    format!("{name}{}", Ulid(bits)).to_ascii_lowercase()
}

impl FromStr for PublicIdKeys {
    type Err = BadKeys;

    fn from_str(text: &str) -> Result<Self, BadKeys> {
        let mut keys: Vec<(char, Aes128)> = Vec::new();
        for entry in text.split(',') {
            let (name, key) = entry.trim().split_once(':').ok_or(BadKeys("no `name:key`"))?;
            let mut digits = name.chars().filter(|digit| DIGITS.contains(*digit));
            let (Some(name), None, 1) = (digits.next(), digits.next(), name.len()) else {
                return Err(BadKeys("a name is one of 0123456789abcdefghjkmnpqrstvwxyz"));
            };
            if keys.iter().any(|(named, _)| *named == name) {
                return Err(BadKeys("two keys have one name"));
            }
            let mut bytes = [0; KEY_LEN];
            hex::decode_to_slice(key, &mut bytes)
                .map_err(|_| BadKeys("a key is 32 hexadecimal digits"))?;
            keys.push((name, Aes128::new(&bytes.into())));
        }
        Ok(Self(keys))
    }
}

impl fmt::Debug for PublicIdKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: String = self.0.iter().map(|(name, _)| *name).collect();
        write!(f, "PublicIdKeys({names}, redacted)")
    }
}

impl PublicIds {
    /// Uses these keys from now on.
    pub fn replace(&self, keys: PublicIdKeys) {
        *self.0.write() = Some(Arc::new(keys));
    }

    /// The keys; `None` when there are none, and no public ids.
    #[must_use]
    pub fn keys(&self) -> Option<Arc<PublicIdKeys>> {
        self.0.read().clone()
    }
}
