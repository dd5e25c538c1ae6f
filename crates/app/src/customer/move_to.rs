//! Another address: asked for by who knows the password, theirs once the mail to it is answered.

use lmall_domain::{
    CustomerId,
    customer::{Customer, Email, MailKind},
};

use super::{
    ChangeError, ConfirmError, Customers, Deed, Password, attempts::Attempt, log_in::password_of,
    register::outbox, row,
};
use crate::{
    Changeset, Refusal, Trace,
    failure::{Failure, Round, committed, rounds},
};

impl Customers {
    /// Has a mail sent to the address that the account is to have. Whether somebody else has it is
    /// not said before its reader asks.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn request_email(
        &self,
        id: &CustomerId,
        password: &Password,
        to: &Email,
        trace: &Trace,
    ) -> Result<(), ChangeError> {
        let kept = password_of(&self.prove(id, password).await?.value).cloned();
        // An address that is sent many mails already is not sent more; the answer does not say so.
        if self.attempt([Attempt::mail(to.as_str())]).await?.is_err() {
            return Ok(());
        }
        rounds(&*self.clock, self.salt(), async || {
            let now = self.now();
            // What was proved must still be so.
            let before = self.load(id).await?;
            let before = before.filter(|before| password_of(&before.value) == kept.as_ref());
            let Some(before) = before else { return Ok(Round::Done(Err(ChangeError::Unknown))) };
            let (after, event) = match before.value.moving(to.clone(), now) {
                Ok(asked) => asked,
                Err(rejection) => return Ok(Round::Done(Err(rejection.into()))),
            };
            let outbox = outbox(&after, event, now, trace);
            let changes = Changeset::new().put(row::customer(&after), before.version);
            Ok(match committed(self.store.commit(changes.event(Some(outbox))).await)? {
                Ok(()) => Round::Done(Ok(())),
                Err(_) => Round::Again,
            })
        })
        .await?
    }

    /// Who read the mail to the address, and knows the password of the account that asked for it,
    /// has that address from now on. The one before is told, and is free.
    ///
    /// An account that never proved it gives way, and can never be proved any more.
    ///
    /// # Errors
    /// [`ConfirmError`].
    pub async fn change_email(
        &self,
        token: &str,
        password: &Password,
        trace: &Trace,
    ) -> Result<(), ConfirmError> {
        let (token, kept) = self.proved(token, MailKind::ChangeEmail, password).await?;
        rounds(&*self.clock, self.salt(), async || {
            let now = self.now();
            let before = self.awaiting(&token, MailKind::ChangeEmail).await?;
            let before = before.filter(|before| password_of(&before.value) == Some(&kept));
            let Some(before) = before else { return Ok(Round::Done(Err(ConfirmError::NotGood))) };
            let Ok((after, event)) = before.value.clone().moved(token.number, now) else {
                return Ok(Round::Done(Err(ConfirmError::NotGood)));
            };
            let changes = Changeset::new()
                .put(row::customer(&after), before.version)
                .insert(self.deed(&after.id, Deed::EmailChanged, now), Refusal::Stale)
                .event(Some(outbox(&after, event, now, trace)));
            let Some(changes) = self.with_first(changes, &after).await? else {
                return Ok(Round::Done(Err(ConfirmError::Taken)));
            };
            let freed = first(&before.value).map(row::email_key);
            let changes = self.without_names(changes, &after.id, freed.into_iter()).await?;
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(Ok(())),
                Err(_) => Round::Again,
            })
        })
        .await?
    }

    /// With the row of the address that mail goes to; `None` when it is somebody else's.
    async fn with_first(
        &self,
        changes: Changeset,
        customer: &Customer,
    ) -> Result<Option<Changeset>, Failure> {
        let Some(email) = first(customer) else { return Ok(Some(changes)) };
        let (owner, theirs) = self.owner(email).await?;
        let is_taken = theirs.is_some_and(|theirs| {
            theirs.value.id != customer.id
                && theirs.value.person().is_ok_and(|person| person.may_sign_in())
        });
        let owned = owner.map_or(0, |owner| owner.version);
        Ok((!is_taken).then(|| changes.put(row::email(email, customer), owned)))
    }
}

/// The address that mail goes to.
fn first(customer: &Customer) -> Option<&Email> {
    customer.person().ok()?.emails.first()
}
