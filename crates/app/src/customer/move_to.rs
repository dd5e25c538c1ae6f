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
    Changeset, Refusal, Trace, Write,
    failure::{Failure, Round, committed, rounds},
    row::Versioned,
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
            let Some(changes) = self.swapped(changes, &before.value, &after).await? else {
                return Ok(Round::Done(Err(ConfirmError::Taken)));
            };
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(Ok(())),
                Err(_) => Round::Again,
            })
        })
        .await?
    }

    /// With the row of the address that it has, and without that of the one it had; `None` when
    /// the address is somebody else's.
    async fn swapped(
        &self,
        mut changes: Changeset,
        before: &Customer,
        after: &Customer,
    ) -> Result<Option<Changeset>, Failure> {
        let first = |customer: &Customer| {
            customer.person().ok().and_then(|person| person.emails.first().cloned())
        };
        if let Some(email) = first(after) {
            let (owner, theirs) = self.owner(&email).await?;
            let is_proved = |theirs: &Versioned<Customer>| {
                theirs.value.id != after.id
                    && theirs.value.person().is_ok_and(|person| person.may_sign_in())
            };
            if theirs.as_ref().is_some_and(is_proved) {
                return Ok(None);
            }
            let owned = owner.map_or(0, |owner| owner.version);
            changes = changes.put(row::email(&email, after), owned);
        }
        if let Some(email) = first(before) {
            let (owner, _) = self.owner(&email).await?;
            if let Some(owner) = owner.filter(|owner| owner.value.customer_id == before.id) {
                let freed = Write::Delete(row::email_key(&email), owner.version);
                changes = changes.with(freed, Refusal::Stale);
            }
        }
        Ok(Some(changes))
    }
}
