//! Admission tokens: what a customer shows to order what has a waiting room.
//!
//! `v1.{key}.{content}.{mac}`: the key's name, the content as JSON and the HMAC-SHA256 of all
//! before it, the latter two in URL-safe base64.

use std::{fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use lmall_domain::{CustomerId, Sku, Timestamp, waiting::Ticket};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Characters of the longest token: the longest ids in it make some 600.
pub const TOKEN_LEN_MAX: usize = 1_024;

/// Keys at a time: the one that signs, and those that did so before.
const KEYS_MAX: usize = 4;

/// Bytes of a key at least: as strong as the hash that it keys.
const KEY_BYTES_MIN: usize = 32;

/// Characters of the longest name of a key.
const NAME_LEN_MAX: usize = 16;

/// The keys of admission tokens: the first one signs, all of them verify. Clones are the same
/// keys, also when they are replaced. The default is none at all: nothing is signed, and nothing
/// is believed.
#[derive(Clone, Default)]
pub struct AdmissionKeys(Arc<RwLock<Vec<Key>>>);

struct Key {
    name: String,
    secret: Vec<u8>,
}

/// Keys that cannot be used. Its text never has a key in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "admission keys must be 1 to {KEYS_MAX} different `name:hex`, separated by commas: a name of \
     at most {NAME_LEN_MAX} letters and digits, and at least {KEY_BYTES_MIN} bytes"
)]
pub struct InvalidKeys;

/// A token that none of our keys has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token of this shop")]
pub struct InvalidToken;

/// What a token says. Changing it takes a new version.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    sku: Sku,
    customer_id: CustomerId,
    opened_at_ms: i64,
    place: u32,
    quantity: u32,
    expires_at_ms: i64,
}

impl AdmissionKeys {
    /// The keys in `name:hex,name:hex`, the one that signs first.
    ///
    /// # Errors
    /// [`InvalidKeys`].
    pub fn parse(text: &str) -> Result<Self, InvalidKeys> {
        Ok(Self(Arc::new(RwLock::new(read(text)?))))
    }

    /// Takes these keys from now on, in place of those before: how they are rotated.
    ///
    /// # Errors
    /// [`InvalidKeys`]: then those before stay.
    pub fn replace(&self, text: &str) -> Result<(), InvalidKeys> {
        *self.0.write() = read(text)?;
        Ok(())
    }

    /// Whether there are none, and no token can be signed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.read().is_empty()
    }

    /// The token of a ticket: the same one each time, as long as the first key is the same. `None`
    /// while there are no keys.
    ///
    /// # Panics
    /// Never: a plain struct has a JSON form.
    #[must_use]
    pub fn sign(&self, ticket: &Ticket) -> Option<String> {
        let keys = self.0.read();
        let Key { name, secret } = keys.first()?;
        let content = Content {
            sku: ticket.sku.clone(),
            customer_id: ticket.customer_id.clone(),
            opened_at_ms: ticket.opened_at.as_millis(),
            place: ticket.place,
            quantity: ticket.quantity,
            expires_at_ms: ticket.expires_at.as_millis(),
        };
        let content = serde_json::to_vec(&content).expect("a plain struct has a JSON form");
        let signed = format!("v1.{name}.{}", BASE64_URL_SAFE_NO_PAD.encode(content));
        let mac = mac(secret, &signed).finalize().into_bytes();
        Some(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac)))
    }

    /// The ticket of a token. Whether it is the right one, and still good, is not looked at.
    ///
    /// # Errors
    /// [`InvalidToken`].
    pub fn verify(&self, token: &str) -> Result<Ticket, InvalidToken> {
        if token.len() > TOKEN_LEN_MAX {
            return Err(InvalidToken);
        }
        let (signed, shown) = token.rsplit_once('.').ok_or(InvalidToken)?;
        let mut parts = signed.split('.');
        let (Some("v1"), Some(name), Some(content), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidToken);
        };
        let keys = self.0.read();
        let key = keys.iter().find(|key| key.name == name).ok_or(InvalidToken)?;
        let shown = BASE64_URL_SAFE_NO_PAD.decode(shown).map_err(|_| InvalidToken)?;
        // Compares in constant time.
        mac(&key.secret, signed).verify_slice(&shown).map_err(|_| InvalidToken)?;
        let content = BASE64_URL_SAFE_NO_PAD.decode(content).map_err(|_| InvalidToken)?;
        let content: Content = serde_json::from_slice(&content).map_err(|_| InvalidToken)?;
        Ok(Ticket {
            sku: content.sku,
            customer_id: content.customer_id,
            opened_at: Timestamp::from_millis(content.opened_at_ms),
            place: content.place,
            quantity: content.quantity,
            expires_at: Timestamp::from_millis(content.expires_at_ms),
        })
    }
}

/// The keys in a text, the one that signs first.
fn read(text: &str) -> Result<Vec<Key>, InvalidKeys> {
    let mut keys: Vec<Key> = Vec::new();
    for part in text.split(',') {
        let (name, secret) = part.trim().split_once(':').ok_or(InvalidKeys)?;
        let secret = hex::decode(secret).map_err(|_| InvalidKeys)?;
        let is_named = (1..=NAME_LEN_MAX).contains(&name.len())
            && name.bytes().all(|c| c.is_ascii_alphanumeric())
            && keys.iter().all(|known| known.name != name);
        if !is_named || secret.len() < KEY_BYTES_MIN || keys.len() == KEYS_MAX {
            return Err(InvalidKeys);
        }
        keys.push(Key { name: name.to_owned(), secret });
    }
    Ok(keys)
}

impl fmt::Debug for AdmissionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdmissionKeys(…)")
    }
}

/// The name of an admission, under which its use is noted.
///
/// The customer is part of it: rooms that have forgotten the last moments may give a place away
/// a second time, and then each of the two customers has an admission of their own.
#[must_use]
pub fn admission_id(ticket: &Ticket) -> String {
    let mut hash = Sha256::new();
    for part in [ticket.sku.as_str(), ticket.customer_id.as_str()] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(ticket.opened_at.as_millis().to_be_bytes());
    hash.update(ticket.place.to_be_bytes());
    // 128 bits: nobody chooses what is hashed, and a few million are made.
    hex::encode(&hash.finalize()[..16])
}

fn mac(key: &[u8], signed: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of any length is fine").chain_update(signed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(text: &str) -> AdmissionKeys {
        AdmissionKeys::parse(text).unwrap()
    }

    fn named(name: &str, byte: u8) -> String {
        format!("{name}:{}", hex::encode([byte; 32]))
    }

    fn ticket() -> Ticket {
        Ticket {
            sku: "tea-01".parse().unwrap(),
            customer_id: "ann".parse().unwrap(),
            opened_at: Timestamp::from_millis(1_768_386_600_000),
            place: 7,
            quantity: 2,
            expires_at: Timestamp::from_millis(1_768_386_720_000),
        }
    }

    #[test]
    fn what_was_signed_is_read_and_keys_can_be_rotated() {
        let (old, new) = (keys(&named("a", 1)), keys(&named("b", 2)));
        let sign = |keys: &AdmissionKeys| keys.sign(&ticket()).unwrap();
        let token = sign(&old);
        assert_eq!(token, sign(&old));
        assert_eq!(old.verify(&token), Ok(ticket()));
        assert_eq!(new.verify(&token), Err(InvalidToken), "the old key is gone");
        let both = keys(&format!("{}, {}", named("b", 2), named("a", 1)));
        assert_eq!(both.verify(&token), Ok(ticket()));
        assert_eq!(new.verify(&sign(&both)), Ok(ticket()), "the first one signs");
        // The same name for another key.
        assert_eq!(keys(&named("a", 3)).verify(&token), Err(InvalidToken));

        let shared = old.clone();
        assert_eq!(old.replace("b:short"), Err(InvalidKeys));
        assert_eq!(shared.verify(&token), Ok(ticket()), "those before stay");
        old.replace(&named("b", 2)).unwrap();
        assert_eq!(shared.verify(&token), Err(InvalidToken), "a clone is the same keys");
        assert_eq!(sign(&shared), sign(&new));
    }

    #[test]
    fn without_keys_nothing_is_signed_and_nothing_is_believed() {
        let (none, some) = (AdmissionKeys::default(), keys(&named("a", 1)));
        assert!(none.is_empty() && !some.is_empty());
        assert_eq!(none.sign(&ticket()), None);
        assert_eq!(none.verify(&some.sign(&ticket()).unwrap()), Err(InvalidToken));
    }

    #[test]
    fn keys_that_cannot_be_used_are_refused_and_not_repeated() {
        let short = format!("a:{}", hex::encode([1; 31]));
        let twice = format!("{},{}", named("a", 1), named("a", 2));
        let many = ["a", "b", "c", "d", "e"].map(|name| named(name, 1)).join(",");
        for text in ["", "a", "a:xy", &short, &twice, &many, &named("", 1), &named("a.b", 1)] {
            assert_eq!(AdmissionKeys::parse(text).err(), Some(InvalidKeys), "{text}");
        }
        assert!(!format!("{:?}", keys(&named("a", 1))).contains("01"));
    }

    #[test]
    fn each_admission_has_a_name_of_its_own() {
        let id = admission_id(&ticket());
        assert_eq!(id.len(), 32);
        let later = Timestamp::from_millis(1_768_386_600_001);
        for other in [
            Ticket { sku: "tea-02".parse().unwrap(), ..ticket() },
            Ticket { customer_id: "bob".parse().unwrap(), ..ticket() },
            Ticket { opened_at: later, ..ticket() },
            Ticket { place: 8, ..ticket() },
        ] {
            assert_ne!(admission_id(&other), id, "{other:?}");
        }
        let same = Ticket { quantity: 9, expires_at: later, ..ticket() };
        assert_eq!(admission_id(&same), id);
    }

    proptest! {
        #[test]
        fn a_token_that_was_touched_is_refused(at in 0..300_usize, to in "[A-Za-z0-9._-]") {
            let keys = keys(&named("a", 1));
            let mut token = keys.sign(&ticket()).unwrap();
            let at = at % token.len();
            let before = token.clone();
            token.replace_range(at..=at, &to);
            // The last character of a MAC has bits that mean nothing, and those must be zero.
            prop_assert_eq!(keys.verify(&token).is_ok(), token == before);
        }

        #[test]
        fn no_text_breaks_the_reader(text in "(v1|v2|)[.]?[a-z]{0,3}[.]?[ -~]{0,60}[.]?[A-Za-z0-9_=-]{0,50}") {
            prop_assert_eq!(keys(&named("a", 1)).verify(&text), Err(InvalidToken));
        }
    }
}
