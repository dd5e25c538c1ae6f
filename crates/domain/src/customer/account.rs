//! An account, and what may become of it.

use serde::{Deserialize, Serialize};

use super::{
    Address, MailKind,
    person::{Challenge, Email, PasswordHash, Person, RESET_LIFE, VERIFY_LIFE},
};
use crate::{
    AggregateId, CustomerId, Timestamp,
    event::{CustomerErased, CustomerMerged, Event},
    id::AddressId,
    limits,
};

/// What became of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Somebody has it.
    Present(Box<Person>),
    /// It is another one's now.
    Merged {
        /// Whose.
        into: CustomerId,
        /// When.
        at: Timestamp,
        /// Whether the rows beside it are gone.
        wiped: bool,
    },
    /// Nobody has it, ever again.
    Erased {
        /// When.
        at: Timestamp,
        /// Whether the rows beside it are gone.
        wiped: bool,
    },
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Its id, never given again.
    pub id: CustomerId,
    /// What became of it.
    pub standing: Standing,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts the events written about it.
    pub events: u32,
    /// Counts the mails asked for.
    pub mails: u32,
}

/// Why an account stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It was erased, or is another one's.
    #[error("the account is gone")]
    Gone,
    /// No mail waits for this answer: it is another's, too late, or was given before.
    #[error("nothing waits for this answer")]
    NotAwaited,
    /// There are as many as one customer may have.
    #[error("there are as many as one customer may have")]
    TooMany,
    /// It is so already.
    #[error("it is so already")]
    Unchanged,
    /// It was merged into another account than this one, or is this one.
    #[error("the accounts cannot be merged")]
    NotMergeable,
}

impl Customer {
    /// A new account.
    #[must_use]
    pub fn new(id: CustomerId, person: Person, now: Timestamp) -> Self {
        let standing = Standing::Present(Box::new(person));
        Self { id, standing, created_at: now, events: 0, mails: 0 }
    }

    /// Whose it is.
    ///
    /// # Errors
    /// [`Rejection::Gone`].
    pub fn person(&self) -> Result<&Person, Rejection> {
        match &self.standing {
            Standing::Present(person) => Ok(person),
            Standing::Merged { .. } | Standing::Erased { .. } => Err(Rejection::Gone),
        }
    }

    /// The account after `change`.
    ///
    /// # Errors
    /// [`Rejection::Gone`], and those of the change.
    pub fn changed(
        mut self,
        change: impl FnOnce(&mut Person) -> Result<(), Rejection>,
    ) -> Result<Self, Rejection> {
        match &mut self.standing {
            Standing::Present(person) => change(person)?,
            Standing::Merged { .. } | Standing::Erased { .. } => return Err(Rejection::Gone),
        }
        Ok(self)
    }

    /// Asks for a mail; an earlier one for the same purpose waits for nothing any more.
    ///
    /// # Errors
    /// [`Rejection::Gone`].
    pub fn mailed(self, purpose: MailKind, now: Timestamp) -> Result<(Self, Event), Rejection> {
        let to = self.person()?.emails.first().cloned();
        self.mailed_to(to, purpose, now)
    }

    fn mailed_to(
        self,
        to: Option<Email>,
        purpose: MailKind,
        now: Timestamp,
    ) -> Result<(Self, Event), Rejection> {
        let number = self.mails + 1;
        let life = match purpose {
            MailKind::VerifyEmail => Some(VERIFY_LIFE),
            MailKind::ResetPassword | MailKind::ChangeEmail => Some(RESET_LIFE),
            // It is not answered: it is kept so that it can be sent, however late.
            MailKind::EmailChanged => Some(VERIFY_LIFE),
            MailKind::AlreadyRegistered => None,
        };
        let mut after = self.changed(|person| {
            if let (Some(life), Some(email)) = (life, to) {
                let expires_at = now.after(life);
                person.challenges.retain(|challenge| challenge.purpose != purpose);
                person.challenges.push(Challenge { purpose, number, email, expires_at });
            }
            Ok(())
        })?;
        after.mails = number;
        after.events += 1;
        Ok((after, purpose.requested(number).into()))
    }

    /// Somebody registers with the address of this account.
    ///
    /// While nobody has proved that the address is theirs, the last who registers is believed;
    /// after that, the owner is told by mail, and nothing changes.
    ///
    /// # Errors
    /// [`Rejection::Gone`].
    pub fn registered_again(
        self,
        password: PasswordHash,
        name: Option<String>,
        now: Timestamp,
    ) -> Result<(Self, Event), Rejection> {
        if self.person()?.may_sign_in() {
            return self.mailed(MailKind::AlreadyRegistered, now);
        }
        let after = self.changed(|person| {
            (person.password, person.name) = (Some(password), name);
            Ok(())
        })?;
        after.mailed(MailKind::VerifyEmail, now)
    }

    /// The mail was read by who owns its address.
    ///
    /// # Errors
    /// [`Rejection::NotAwaited`], [`Rejection::Gone`].
    pub fn verified(self, number: u32, now: Timestamp) -> Result<Self, Rejection> {
        self.changed(|person| person.answered(MailKind::VerifyEmail, number, now))
    }

    /// A new password, by who reads the mail of the address; which proves the address, too.
    ///
    /// # Errors
    /// [`Rejection::NotAwaited`], [`Rejection::Gone`].
    pub fn reset(
        self,
        number: u32,
        password: PasswordHash,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        self.changed(|person| {
            person.answered(MailKind::ResetPassword, number, now)?;
            // A link to prove the address by another password is of no use any more.
            person.challenges.clear();
            person.password = Some(password);
            person.sessions_void_at = Some(now);
            Ok(())
        })
    }

    /// Asks for another address, by a mail to it.
    ///
    /// # Errors
    /// [`Rejection::Unchanged`], [`Rejection::Gone`].
    pub fn moving(self, to: Email, now: Timestamp) -> Result<(Self, Event), Rejection> {
        if self.person()?.emails.first() == Some(&to) {
            return Err(Rejection::Unchanged);
        }
        self.mailed_to(Some(to), MailKind::ChangeEmail, now)
    }

    /// The mail to the other address was read: mail goes there from now on. The address before,
    /// which is not theirs any more, is told.
    ///
    /// # Errors
    /// [`Rejection::NotAwaited`], [`Rejection::Gone`].
    pub fn moved(self, number: u32, now: Timestamp) -> Result<(Self, Event), Rejection> {
        let person = self.person()?;
        let awaited = person.awaited(MailKind::ChangeEmail, number, now);
        let to = awaited.ok_or(Rejection::NotAwaited)?.email.clone();
        let before = person.emails.first().cloned();
        let after = self.changed(|person| {
            // It may have come with an account that was merged.
            person.emails.retain(|email| *email != to && Some(email) != before.as_ref());
            person.emails.insert(0, to);
            // What was sent to the address before is answered by nobody any more.
            person.challenges.clear();
            Ok(())
        })?;
        after.mailed_to(before, MailKind::EmailChanged, now)
    }

    /// Another password; every session ends.
    ///
    /// # Errors
    /// [`Rejection::Gone`].
    pub fn with_password(self, password: PasswordHash, now: Timestamp) -> Result<Self, Rejection> {
        self.changed(|person| {
            person.password = Some(password);
            person.sessions_void_at = Some(now);
            Ok(())
        })
    }

    /// Every session ends.
    ///
    /// # Errors
    /// [`Rejection::Gone`].
    pub fn logged_out(self, now: Timestamp) -> Result<Self, Rejection> {
        self.changed(|person| {
            person.sessions_void_at = Some(now);
            Ok(())
        })
    }

    /// Puts an address under its name.
    ///
    /// # Errors
    /// [`Rejection::TooMany`], [`Rejection::Gone`].
    pub fn with_address(self, id: &AddressId, address: Address) -> Result<Self, Rejection> {
        self.changed(|person| {
            let is_new = !person.addresses.contains_key(id.as_str());
            if is_new && person.addresses.len() >= limits::ADDRESSES_MAX {
                return Err(Rejection::TooMany);
            }
            person.addresses.insert(id.to_string(), address);
            Ok(())
        })
    }

    /// Nothing personal is left. One that is gone stays as it is.
    ///
    /// # Errors
    /// [`Rejection::Gone`].
    pub fn erased(mut self, now: Timestamp) -> Result<(Self, Event), Rejection> {
        self.person()?;
        self.standing = Standing::Erased { at: now, wiped: false };
        self.events += 1;
        Ok((self, CustomerErased {}.into()))
    }

    /// `self` becomes a part of `into`: both as they are then, and what the others are told.
    ///
    /// The one that stays keeps what it says of itself; what it does not say is taken from the
    /// other one, and so are e-mail addresses, identities, and as many postal addresses as there
    /// is room for under names that are not taken.
    ///
    /// # Errors
    /// [`Rejection::NotMergeable`], [`Rejection::TooMany`], [`Rejection::Gone`].
    pub fn merged(mut self, into: Self, now: Timestamp) -> Result<(Self, Self, Event), Rejection> {
        if self.id == into.id {
            return Err(Rejection::NotMergeable);
        }
        let from = self.person()?.clone();
        let into = into.changed(|person| {
            person.emails.extend(from.emails);
            person.identities.extend(from.identities);
            if person.emails.len().max(person.identities.len()) > limits::NAMES_MAX {
                return Err(Rejection::TooMany);
            }
            person.name = person.name.take().or(from.name);
            for (id, address) in from.addresses {
                if person.addresses.len() < limits::ADDRESSES_MAX {
                    person.addresses.entry(id).or_insert(address);
                }
            }
            let theirs = from.preferences;
            person.preferences.language = person.preferences.language.take().or(theirs.language);
            person.preferences.currency = person.preferences.currency.or(theirs.currency);
            Ok(())
        })?;
        self.standing = Standing::Merged { into: into.id.clone(), at: now, wiped: false };
        self.events += 1;
        let event = CustomerMerged { into: into.id.clone() }.into();
        Ok((self, into, event))
    }

    /// Whether rows beside it have to go.
    #[must_use]
    pub const fn is_to_be_wiped(&self) -> bool {
        match &self.standing {
            Standing::Present(_) => false,
            Standing::Merged { wiped, .. } | Standing::Erased { wiped, .. } => !*wiped,
        }
    }

    /// The rows beside it are gone.
    #[must_use]
    pub fn wiped(mut self) -> Self {
        match &mut self.standing {
            Standing::Present(_) => {}
            Standing::Merged { wiped, .. } | Standing::Erased { wiped, .. } => *wiped = true,
        }
        self
    }

    /// What it is in events.
    #[must_use]
    pub fn aggregate(&self) -> AggregateId {
        self.id.clone().into()
    }
}
