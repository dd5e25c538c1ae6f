//! The keys of the user service: those that sign access tokens, one after another, and the one
//! that tokens in mails are made with.
//!
//! A key is published [`ANNOUNCED`] before it signs, so that whoever keeps the published ones
//! for less than that has it when it is needed; and it stays published until the last token that
//! it signed has ended.

use std::{fmt, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use lmall_domain::{Timestamp, customer::token};
use serde::{Deserialize, Serialize};

use super::MailKey;
use crate::ports::Chance;

/// How long a new key is published before it signs: longer than anybody keeps the published ones.
const ANNOUNCED: Duration = Duration::from_secs(3_600);

/// How long a key signs before the next one does.
const SIGNS_FOR: Duration = Duration::from_secs(30 * 86_400);

/// How long a key stays published after the next one signs: its last token's life, and clocks
/// that differ.
const OUTLIVED: Duration = Duration::from_secs(token::LIFE_SECS.unsigned_abs() + 300);

/// A key that signs from some time on, until the next one does.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKey {
    /// Its name in tokens.
    pub kid: String,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// The 32 bytes of an Ed25519 private key, in base64.
    seed: String,
}

/// All keys.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// In the order in which they sign; at least one.
    signing: Vec<SigningKey>,
    /// 32 bytes, in base64.
    mail: String,
}

/// Keys that cannot be used. It says nothing of what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the keys of the user service cannot be used: {0}")]
pub struct UnreadableKeys(&'static str);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(redacted)")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

impl SigningKey {
    fn made(chance: &dyn Chance, signs_from: Timestamp) -> Self {
        let kid = hex::encode(chance.bytes::<8>());
        Self { kid, signs_from, seed: BASE64_STANDARD.encode(chance.bytes::<32>()) }
    }

    /// The private key.
    #[must_use]
    pub fn seed(&self) -> Option<[u8; 32]> {
        BASE64_STANDARD.decode(&self.seed).ok()?.try_into().ok()
    }
}

impl Keys {
    /// Keys for a service that never had any.
    #[must_use]
    pub fn made(chance: &dyn Chance, now: Timestamp) -> Self {
        let signing = vec![SigningKey::made(chance, now)];
        Self { signing, mail: BASE64_STANDARD.encode(chance.bytes::<32>()) }
    }

    /// The keys in a document that [`Keys::to_json`] wrote, or somebody by hand.
    ///
    /// # Errors
    /// [`UnreadableKeys`].
    pub fn parse(json: &str) -> Result<Self, UnreadableKeys> {
        let keys: Self =
            serde_json::from_str(json).map_err(|_| UnreadableKeys("not their form"))?;
        let is_key = |key: &SigningKey| key.seed().is_some() && !key.kid.is_empty();
        if keys.signing.is_empty() || !keys.signing.iter().all(is_key) || keys.mail_key().is_none()
        {
            return Err(UnreadableKeys("not 32 bytes each, or none at all"));
        }
        let is_after = |pair: &[SigningKey]| {
            pair.is_sorted_by(|a, b| a.signs_from < b.signs_from && a.kid != b.kid)
        };
        if !keys.signing.windows(2).all(is_after) {
            return Err(UnreadableKeys("not in the order in which they sign"));
        }
        Ok(keys)
    }

    /// The document, which is a secret.
    ///
    /// # Panics
    /// Never: it has text keys only.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a plain struct has a JSON form")
    }

    /// The key for tokens in mails.
    #[must_use]
    pub fn mail_key(&self) -> Option<MailKey> {
        let key = BASE64_STANDARD.decode(&self.mail).ok()?;
        Some(MailKey::new(key.try_into().ok()?))
    }

    /// The keys that sign, in their order.
    #[must_use]
    pub fn signing_keys(&self) -> &[SigningKey] {
        &self.signing
    }

    /// The key that signs at `now`.
    #[must_use]
    pub fn signing(&self, now: Timestamp) -> Option<&SigningKey> {
        self.signing.iter().rev().find(|key| key.signs_from <= now)
    }

    /// Those that tokens may be signed with, at `now` or soon.
    pub fn published(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        let next = self.signing.iter().skip(1).map(Some).chain([None]);
        let is_over = move |next: Option<&SigningKey>| {
            next.is_some_and(|next| next.signs_from.after(OUTLIVED) <= now)
        };
        self.signing.iter().zip(next).filter(move |(_, next)| !is_over(*next)).map(|(key, _)| key)
    }

    /// The keys with a next one, and without those that are over; `None` while it is not time.
    #[must_use]
    pub fn rotated(&self, chance: &dyn Chance, now: Timestamp) -> Option<Self> {
        let newest = self.signing.last()?;
        let is_due = newest.signs_from.after(SIGNS_FOR) <= now.after(ANNOUNCED);
        let mut signing: Vec<_> = self.published(now).cloned().collect();
        if !is_due && signing.len() == self.signing.len() {
            return None;
        }
        if is_due {
            signing.push(SigningKey::made(chance, now.after(ANNOUNCED)));
        }
        Some(Self { signing, mail: self.mail.clone() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicU8);

    impl Chance for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn kids<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> Vec<&'k str> {
        keys.into_iter().map(|key| key.kid.as_str()).collect()
    }

    #[test]
    fn a_key_is_known_before_it_signs_and_until_its_last_token_has_ended() {
        let (chance, start) = (Counting::default(), Timestamp::from_millis(1_768_386_600_000));
        let first = Keys::made(&chance, start);
        let old = first.signing[0].kid.clone();
        assert_eq!(first.rotated(&chance, start), None);
        let due = start.after(SIGNS_FOR - ANNOUNCED);
        assert_eq!(first.rotated(&chance, due.before(Duration::from_millis(1))), None);
        let both = first.rotated(&chance, due).expect("it is time");
        assert_eq!(both.rotated(&chance, due), None, "once");
        let new = both.signing[1].kid.clone();
        let sign = |after: Duration| both.signing(due.after(after)).map(|key| key.kid.as_str());
        let published = |after: Duration| kids(both.published(due.after(after)));
        let moment = Duration::from_millis(1);
        assert_eq!(sign(ANNOUNCED - moment), Some(&*old));
        assert_eq!(published(Duration::ZERO), [&*old, &*new], "announced");
        assert_eq!(sign(ANNOUNCED), Some(&*new));
        assert_eq!(published(ANNOUNCED + OUTLIVED - moment), [&*old, &*new], "tokens live");
        assert_eq!(published(ANNOUNCED + OUTLIVED), [&*new]);
        let swept = both.rotated(&chance, due.after(ANNOUNCED + OUTLIVED)).expect("one is over");
        assert_eq!(kids(&swept.signing), [&*new]);
        assert_eq!(swept.mail, first.mail);
    }

    #[test]
    fn keys_survive_their_document_and_a_bad_one_is_refused() {
        let keys = Keys::made(&Counting::default(), Timestamp::from_millis(1));
        let json = keys.to_json();
        assert_eq!(Keys::parse(&json), Ok(keys.clone()));
        assert!(!format!("{keys:?}{:?}", keys.signing[0]).contains("seed"), "never shown");
        let twice = {
            let mut twice = keys;
            twice.signing.push(twice.signing[0].clone());
            twice.to_json()
        };
        for bad in [
            "",
            "{}",
            r#"{"signing":[],"mail":""}"#,
            &json.replace("\"mail\":\"", "\"mail\":\"A"),
            &twice,
        ] {
            assert!(Keys::parse(bad).is_err(), "{bad}");
        }
    }
}
