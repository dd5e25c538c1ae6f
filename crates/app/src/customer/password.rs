//! Passwords: bcrypt, on threads of its own, a bounded number at a time.

use std::sync::Arc;

use bcrypt::Version;
use lmall_domain::{
    customer::PasswordHash,
    limits::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN},
};
use tokio::sync::Semaphore;

use crate::{failure::Failure, ports::Chance};

/// What a hash costs unless told otherwise: 2^12 rounds, about a quarter of a second, and four
/// times the least that is thought of as safe.
pub const COST: u32 = 12;

/// The least that is taken: what OWASP asks for.
pub const COST_MIN: u32 = 10;

/// The most: a minute for each login, and a way to stop the service by mistake.
const COST_MAX: u32 = 16;

/// Who may wait for a hash at a time, for each that is worked on: at 12 about ten seconds' worth.
/// More are told to come again.
const WAITING_MAX: usize = 32;

/// Characters of salt and digest in what bcrypt writes. With dots alone, which are zeros, it is the
/// hash of nothing that anybody knows, and no hash has to be made for it at each start.
const SALT_AND_DIGEST: usize = 22 + 31;

/// A password, as somebody typed it.
#[derive(Clone)]
pub struct Password(String);

/// A text that is no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("10 characters or more, and at most 72 bytes in UTF-8")]
pub struct InvalidPassword;

const _: () = assert!(PASSWORD_CHARS_MIN == 10 && PASSWORD_BYTES_MAX == 72);

/// A cost that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cost of a password is {COST_MIN} to {COST_MAX}, not {0}")]
pub struct BadCost(pub u32);

#[derive(Debug, thiserror::Error)]
#[error("too many passwords are being checked")]
struct Busy;

/// Hashes and checks passwords.
pub struct Passwords {
    cost: u32,
    /// What is compared where there is no account: as dear as a real one.
    dummy: PasswordHash,
    inside: Semaphore,
    working: Arc<Semaphore>,
}

impl Password {
    /// A password that somebody wants to have.
    ///
    /// # Errors
    /// [`InvalidPassword`].
    pub fn chosen(text: String) -> Result<Self, InvalidPassword> {
        if text.chars().count() < PASSWORD_CHARS_MIN {
            return Err(InvalidPassword);
        }
        Self::shown(text)
    }

    /// A password that is shown to get in: of any age, but never one that bcrypt would cut off.
    ///
    /// # Errors
    /// [`InvalidPassword`].
    pub fn shown(text: String) -> Result<Self, InvalidPassword> {
        let fits = (1..=PASSWORD_BYTES_MAX).contains(&text.len()) && !text.contains('\0');
        if fits { Ok(Self(text)) } else { Err(InvalidPassword) }
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(redacted)")
    }
}

impl Passwords {
    /// Passwords at this cost, `at_once` of them at a time: as many as there are processors.
    ///
    /// # Errors
    /// [`BadCost`].
    pub fn new(cost: u32, at_once: usize) -> Result<Self, BadCost> {
        if !(COST_MIN..=COST_MAX).contains(&cost) {
            return Err(BadCost(cost));
        }
        let at_once = at_once.max(1);
        let dummy = PasswordHash::new(format!("$2b${cost:02}${}", ".".repeat(SALT_AND_DIGEST)));
        let inside = Semaphore::new(at_once.saturating_mul(1 + WAITING_MAX));
        Ok(Self { cost, dummy, inside, working: Arc::new(Semaphore::new(at_once)) })
    }

    /// What is kept of a password.
    ///
    /// # Errors
    /// When too many are being checked.
    pub async fn hash(
        &self,
        password: &Password,
        chance: &dyn Chance,
    ) -> Result<PasswordHash, Failure> {
        let (text, cost, salt) = (password.0.clone(), self.cost, chance.bytes());
        self.work(move || hash(&text, cost, salt)).await
    }

    /// Whether it is the password. Where there is none to compare with, it takes as long, and is
    /// not.
    ///
    /// # Errors
    /// When too many are being checked.
    pub async fn matches(
        &self,
        password: &Password,
        kept: Option<&PasswordHash>,
    ) -> Result<bool, Failure> {
        let (text, exists) = (password.0.clone(), kept.is_some());
        let kept = kept.unwrap_or(&self.dummy).clone();
        let same = self.work(move || bcrypt::verify(text, kept.as_str())).await?;
        Ok(same && exists)
    }

    /// Whether it was hashed at another cost than new ones are.
    #[must_use]
    pub fn is_outdated(&self, kept: &PasswordHash) -> bool {
        // `$2b$12$…`
        kept.as_str().split('$').nth(2).and_then(|cost| cost.parse().ok()) != Some(self.cost)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, bcrypt::BcryptError> + Send + 'static,
    ) -> Result<T, Failure> {
        let _inside = self.inside.try_acquire().map_err(|_| Failure::Unavailable(Busy.into()))?;
        let unavailable =
            |error: Box<dyn std::error::Error + Send + Sync>| Failure::Unavailable(error);
        let working = Arc::clone(&self.working).acquire_owned().await;
        let working = working.map_err(|error| unavailable(error.into()))?;
        // The permit goes along: who asked may go away, and the work goes on all the same.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(working);
            done
        });
        let done = done.await.map_err(|error| unavailable(error.into()))?;
        done.map_err(|error| Failure::Never(format!("bcrypt: {error}")))
    }
}

fn hash(text: &str, cost: u32, salt: [u8; 16]) -> Result<PasswordHash, bcrypt::BcryptError> {
    let parts = bcrypt::non_truncating_hash_with_salt(text, cost, salt)?;
    Ok(PasswordHash::new(parts.format_for_version(Version::TwoB)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sevens;

    impl Chance for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[test]
    fn a_password_is_long_enough_and_never_cut_off() {
        let rows = [
            ("", false, false),
            ("ninechars", false, true),
            ("tenletters", true, true),
            ("äöüäöüäöüä", true, true),
            ("tenletters\0", false, false),
        ];
        for (text, chosen, shown) in rows {
            assert_eq!(Password::chosen(text.to_owned()).is_ok(), chosen, "{text:?}");
            assert_eq!(Password::shown(text.to_owned()).is_ok(), shown, "{text:?}");
        }
        for (length, fits) in [(72, true), (73, false)] {
            assert_eq!(Password::chosen("x".repeat(length)).is_ok(), fits, "{length}");
            assert_eq!(Password::shown("x".repeat(length)).is_ok(), fits, "{length}");
        }
    }

    #[test]
    fn a_cost_that_protects_nobody_is_refused() {
        for cost in [0, 4, 9, 17, 31] {
            assert_eq!(Passwords::new(cost, 1).err(), Some(BadCost(cost)));
        }
    }

    #[tokio::test]
    async fn only_the_password_matches_and_an_older_cost_is_seen() {
        let passwords = Passwords::new(COST_MIN, 2).unwrap();
        let password = |text: &str| Password::shown(text.to_owned()).unwrap();
        let kept = passwords.hash(&password("open sesame"), &Sevens).await.unwrap();
        let matches = async |text, kept| passwords.matches(&password(text), kept).await.unwrap();
        assert!(matches("open sesame", Some(&kept)).await);
        assert!(!matches("open barley", Some(&kept)).await);
        assert!(!matches("open sesame", None).await);
        assert!(!matches("nobody has this password", None).await, "nobody has it");
        assert!(!passwords.is_outdated(&kept));
        assert!(!passwords.is_outdated(&passwords.dummy), "it takes as long");
        let dearer = kept.as_str().replace("$10$", "$11$");
        assert!(passwords.is_outdated(&PasswordHash::new(dearer)));
    }
}
