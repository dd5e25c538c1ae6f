//! Answers to mails: an address is proved, a password is set anew.

use std::time::Duration;

use lmall_domain::{
    Timestamp,
    customer::{ClosedBy, Customer, Email, MailKind, PasswordHash, Rejection},
};

use super::{
    Customers, Deed, Password, attempts::Attempt, log_in::password_of, mail::MailToken,
    register::outbox, row,
};
use crate::{
    Changeset, Refusal, Trace,
    failure::{Failure, Round, committed, rounds},
    row::Versioned,
};

/// Why an answer counts for nothing.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// Nothing waits for it: it is made up, too old, or was given before; or the password that
    /// goes with it is another one.
    #[error("the answer is not good")]
    NotGood,
    /// The address is somebody else's already.
    #[error("the address is another account's")]
    Taken,
    /// Too often: after so long again.
    #[error("too many attempts")]
    TooMany(Duration),
    /// It could not be carried out; the same answer may be sent again.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Customers {
    /// Has a mail sent to the address, if the account under it has use for one. Whether it has
    /// is not said.
    ///
    /// # Errors
    /// [`ConfirmError::TooMany`] and [`ConfirmError::Failed`].
    pub async fn request_mail(
        &self,
        email: &Email,
        purpose: MailKind,
        caller: Option<&str>,
        trace: &Trace,
    ) -> Result<(), ConfirmError> {
        let caller = Attempt::caller(caller);
        self.attempt(caller).await?.map_err(ConfirmError::TooMany)?;
        if self.attempt([Attempt::mail(email.as_str())]).await?.is_err() {
            return Ok(());
        }
        Ok(rounds(&*self.clock, self.salt(), async || {
            let now = self.now();
            let (_, Some(before)) = self.owner(email).await? else { return Ok(Round::Done(())) };
            let is_useless = purpose == MailKind::VerifyEmail
                && before.value.person().is_ok_and(|person| person.may_sign_in());
            let Some(Ok((after, event))) =
                (!is_useless).then(|| before.value.clone().mailed(purpose, now))
            else {
                return Ok(Round::Done(()));
            };
            let outbox = outbox(&after, event, now, trace);
            let changes = Changeset::new().put(row::customer(&after), before.version);
            Ok(match committed(self.store.commit(changes.event(Some(outbox))).await)? {
                Ok(()) => Round::Done(()),
                Err(_) => Round::Again,
            })
        })
        .await?)
    }

    /// Who read the mail, and knows the password that was registered, owns the address.
    ///
    /// Both are asked for: a link alone would let somebody's mail prove an account whose password
    /// a stranger has chosen.
    ///
    /// # Errors
    /// [`ConfirmError`].
    pub async fn verify_email(&self, token: &str, password: &Password) -> Result<(), ConfirmError> {
        let (token, kept) = self.proved(token, MailKind::VerifyEmail, password).await?;
        self.answer(&token, MailKind::VerifyEmail, Deed::EmailVerified, |customer, now| {
            // Somebody may have registered again while the hash was made.
            if password_of(&customer) != Some(&kept) {
                return Err(Rejection::NotAwaited);
            }
            customer.verified(token.number, now)
        })
        .await
    }

    /// The token and what is kept of the password, when the account waits for this mail and both
    /// are its own.
    pub(super) async fn proved(
        &self,
        token: &str,
        purpose: MailKind,
        password: &Password,
    ) -> Result<(MailToken, PasswordHash), ConfirmError> {
        let token = MailToken::parse(token).ok_or(ConfirmError::NotGood)?;
        let attempt = Attempt::password(token.customer_id.as_str());
        self.attempt([attempt]).await?.map_err(ConfirmError::TooMany)?;
        let before = self.awaiting(&token, purpose).await?;
        let kept = before.and_then(|before| password_of(&before.value).cloned());
        // As much is done for a token that nobody waits for.
        let knows = self.passwords.matches(password, kept.as_ref()).await?;
        kept.filter(|_| knows).map(|kept| (token, kept)).ok_or(ConfirmError::NotGood)
    }

    /// Sets a new password for who read the mail; every session ends.
    ///
    /// # Errors
    /// [`ConfirmError`].
    pub async fn reset_password(
        &self,
        token: &str,
        password: &Password,
    ) -> Result<(), ConfirmError> {
        let token = MailToken::parse(token).ok_or(ConfirmError::NotGood)?;
        // A token is looked at before a hash is made for whoever asks.
        if self.awaiting(&token, MailKind::ResetPassword).await?.is_none() {
            return Err(ConfirmError::NotGood);
        }
        let hash = self.passwords.hash(password, &*self.chance).await?;
        self.answer(&token, MailKind::ResetPassword, Deed::PasswordReset, |customer, now| {
            customer.reset(token.number, hash.clone(), now)
        })
        .await?;
        Ok(self.end_all(&token.customer_id, ClosedBy::Password).await?)
    }

    /// The account that waits for the mail that this is the token of.
    pub(super) async fn awaiting(
        &self,
        token: &MailToken,
        purpose: MailKind,
    ) -> Result<Option<Versioned<Customer>>, Failure> {
        let now = self.now();
        let is_good =
            |row: &Versioned<Customer>| self.mail_key.answers(token, purpose, &row.value, now);
        Ok(self.load(&token.customer_id).await?.filter(is_good))
    }

    /// Stores what the answer changes. The address is theirs for good from now on: its row, which
    /// would lapse, is written, too.
    async fn answer(
        &self,
        token: &MailToken,
        purpose: MailKind,
        deed: Deed,
        change: impl Fn(Customer, Timestamp) -> Result<Customer, Rejection>,
    ) -> Result<(), ConfirmError> {
        let done = rounds(&*self.clock, self.salt(), async || {
            let now = self.now();
            let Some(before) = self.awaiting(token, purpose).await? else {
                return Ok(Round::Done(Err(ConfirmError::NotGood)));
            };
            let Ok(after) = change(before.value, now) else {
                return Ok(Round::Done(Err(ConfirmError::NotGood)));
            };
            let email = after.person().ok().and_then(|person| person.emails.first().cloned());
            let Some(email) = email else { return Ok(Round::Done(Err(ConfirmError::NotGood))) };
            // It may have lapsed, and be somebody else's now.
            let (owner, _) = self.owner(&email).await?;
            let Some(owner) = owner.filter(|owner| owner.value.customer_id == after.id) else {
                return Ok(Round::Done(Err(ConfirmError::NotGood)));
            };
            let changes = Changeset::new()
                .put(row::customer(&after), before.version)
                .put(row::email(&email, &after), owner.version)
                .insert(self.deed(&after.id, deed, now), Refusal::Stale);
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(Ok(())),
                Err(_) => Round::Again,
            })
        });
        done.await?
    }
}
