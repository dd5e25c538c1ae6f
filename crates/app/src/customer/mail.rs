//! Mails: the event that asks for one, the token in it, and the consumer that has it sent.
//!
//! Events are kept for ever, so no secret is in one: the token is made when the mail is sent,
//! from the server's key, and again when the answer comes. It is bound to the purpose, the
//! account, the number of the mail and the address; it is good while the account waits for that mail, and only
//! once.

use std::sync::Arc;

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use lmall_domain::{
    CustomerId, Timestamp,
    customer::{Customer, Email, MailKind},
    event::{CustomerMailRequested, Event, Service},
};
use sha2::Sha256;

use super::{TABLE, row, secret};
use crate::{
    consumer::{Consumer, HandleError, Incoming},
    failure::Failure,
    ports::{Clock, Mail, Mailer, Store},
    row::decode,
    topology::Queue,
};

/// Bytes of a token's code.
const CODE_BYTES: usize = 32;

/// The key with which tokens in mails are made. Who has it can answer any mail.
pub struct MailKey([u8; 32]);

impl std::fmt::Debug for MailKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailKey(redacted)")
    }
}

/// Sends the mails that the user service asks for.
#[derive(Clone)]
pub struct Mails {
    /// The rows of the user service.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who brings them.
    pub mailer: Arc<dyn Mailer>,
    /// What their tokens are made with.
    pub key: Arc<MailKey>,
}

/// A token from a mail, taken apart; whether it is one is not known yet.
pub(super) struct MailToken {
    pub(super) customer_id: CustomerId,
    pub(super) number: u32,
    code: [u8; CODE_BYTES],
}

impl MailKey {
    /// Takes the key.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    fn mac(&self, purpose: MailKind, id: &CustomerId, number: u32, to: &Email) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        // None of the parts has a zero byte.
        for part in [name(purpose), id.as_str(), &number.to_string(), to.as_str()] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac
    }

    fn token(&self, purpose: MailKind, id: &CustomerId, number: u32, to: &Email) -> String {
        let code = self.mac(purpose, id, number, to).finalize().into_bytes();
        format!("{id}.{number}.{}", secret::encoded(&code))
    }

    /// Whether the account waits for the mail and this is its token; compared in constant time.
    pub(super) fn answers(
        &self,
        token: &MailToken,
        purpose: MailKind,
        customer: &Customer,
        now: Timestamp,
    ) -> bool {
        let Ok(person) = customer.person() else { return false };
        if token.customer_id != customer.id {
            return false;
        }
        let Some(awaited) = person.awaited(purpose, token.number, now) else { return false };
        let mac = self.mac(purpose, &customer.id, token.number, &awaited.email);
        mac.verify_slice(&token.code).is_ok()
    }
}

impl MailToken {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, '.');
        let (code, number, id) = (parts.next()?, parts.next()?, parts.next()?);
        let (customer_id, number) = (id.parse().ok()?, number.parse().ok()?);
        Some(Self { customer_id, number, code: secret::decoded(code)? })
    }
}

/// What a purpose is called in tokens.
const fn name(purpose: MailKind) -> &'static str {
    match purpose {
        MailKind::VerifyEmail => "verify_email",
        MailKind::ResetPassword => "reset_password",
        MailKind::AlreadyRegistered => "already_registered",
        MailKind::ChangeEmail => "change_email",
        MailKind::EmailChanged => "email_changed",
    }
}

#[async_trait]
impl Consumer for Mails {
    fn queue(&self) -> Queue {
        Queue::Customer
    }

    /// Sent, and then noted: after a crash between the two it is sent again, and never not at
    /// all.
    async fn handle(&self, incoming: Incoming) -> Result<(), HandleError> {
        let Event::CustomerMailRequested(wanted) = &incoming.envelope.event else {
            return Err(incoming.not_consumed_by(Service::Customer));
        };
        let noted = incoming.dedupe_row(TABLE, self.clock.now()).key;
        if self.store.get(&noted).await.map_err(Failure::from)?.is_some() {
            return Ok(());
        }
        let key = row::customer_key(incoming.customer()?);
        let customer = self.store.get(&key).await.map_err(Failure::from)?;
        let customer = customer.as_ref().map(decode::<Customer>).transpose()?;
        let mail = customer.and_then(|row| self.mail(&row.value, wanted, &incoming));
        // One that nobody waits for any more, for a later one was asked for, is not sent.
        if let Some(mail) = mail {
            self.mailer.send(&mail).await.map_err(|error| Failure::Unavailable(error.into()))?;
        }
        Ok(incoming.note_handled(&*self.store, &*self.clock, TABLE).await?)
    }
}

impl Mails {
    /// The mail, if the account still waits for it: the address is read now, and was never in
    /// the event.
    fn mail(
        &self,
        customer: &Customer,
        wanted: &CustomerMailRequested,
        incoming: &Incoming,
    ) -> Option<Mail> {
        let (purpose, number) = (MailKind::of(wanted), wanted.number);
        let person = customer.person().ok()?;
        let awaited = || {
            let awaited = person.awaited(purpose, number, self.clock.now());
            awaited.map(|challenge| challenge.email.clone())
        };
        let (to, token) = match purpose {
            MailKind::VerifyEmail | MailKind::ResetPassword | MailKind::ChangeEmail => {
                let to = awaited()?;
                let token = self.key.token(purpose, &customer.id, number, &to);
                (to, Some(token))
            }
            MailKind::EmailChanged => (awaited()?, None),
            MailKind::AlreadyRegistered => (person.emails.first()?.clone(), None),
        };
        Some(Mail { id: incoming.envelope.event_id.clone(), to, purpose, token })
    }
}

#[cfg(test)]
mod tests {
    use lmall_domain::customer::Person;

    use super::*;

    #[test]
    fn a_token_is_bound_to_purpose_account_number_and_address() {
        let now = Timestamp::from_millis(1_768_386_600_000);
        let (ann, bob) = ("cus_ann".parse().unwrap(), "cus_bob".parse().unwrap());
        let mail = Email::normalised("ann@example.org");
        let customer = Customer::new(ann, Person::new(mail.clone(), None), now);
        let (customer, _) = customer.mailed(MailKind::VerifyEmail, now).unwrap();
        let (customer, _) = customer.mailed(MailKind::ResetPassword, now).unwrap();
        let key = MailKey::new([7; 32]);
        let answers = |key: &MailKey, made: &str, purpose| {
            MailToken::parse(made).is_some_and(|token| key.answers(&token, purpose, &customer, now))
        };
        let (verify, reset) = (MailKind::VerifyEmail, MailKind::ResetPassword);
        let token = key.token(verify, &customer.id, 1, &mail);
        assert!(answers(&key, &token, verify));
        assert!(!answers(&key, &token, reset), "another purpose");
        assert!(!answers(&MailKey::new([8; 32]), &token, verify), "another key");
        assert!(!answers(&key, &token.replace(".1.", ".2."), reset), "another number");
        assert!(!answers(&key, &key.token(verify, &bob, 1, &mail), verify), "another account");
        let moved = Email::normalised("bob@example.org");
        assert!(!answers(&key, &key.token(verify, &customer.id, 1, &moved), verify), "elsewhere");
        for text in ["", "..", "cus_ann.1.", "cus_ann.x.AAAA", &token[1..], &format!("{token}A")] {
            assert!(!answers(&key, text, verify), "{text}");
        }
    }
}
