//! What mails to customers are for.

use serde::{Deserialize, Serialize};

use crate::event::{CustomerMailRequested, MailPurpose, Move};

/// What a mail to a customer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailKind {
    /// To prove that the address is theirs.
    VerifyEmail,
    /// To set a new password.
    ResetPassword,
    /// To tell the owner of an account that somebody registers with its address.
    AlreadyRegistered,
    /// To prove that the address which the account is to have is theirs.
    ChangeEmail,
    /// To tell the address which the account had that it has another one.
    EmailChanged,
}

impl MailKind {
    /// What asks for the mail of this number.
    #[must_use]
    pub const fn requested(self, number: u32) -> CustomerMailRequested {
        let (purpose, moving) = match self {
            Self::VerifyEmail => (MailPurpose::VerifyEmail, None),
            Self::ResetPassword => (MailPurpose::ResetPassword, None),
            Self::AlreadyRegistered => (MailPurpose::AlreadyRegistered, None),
            Self::ChangeEmail => (MailPurpose::VerifyEmail, Some(Move::Asked)),
            Self::EmailChanged => (MailPurpose::VerifyEmail, Some(Move::Done)),
        };
        CustomerMailRequested { purpose, number, moving }
    }

    /// What the mail that is asked for is for.
    #[must_use]
    pub const fn of(requested: &CustomerMailRequested) -> Self {
        match (requested.moving, requested.purpose) {
            (Some(Move::Asked), _) => Self::ChangeEmail,
            (Some(Move::Done), _) => Self::EmailChanged,
            (None, MailPurpose::VerifyEmail) => Self::VerifyEmail,
            (None, MailPurpose::ResetPassword) => Self::ResetPassword,
            (None, MailPurpose::AlreadyRegistered) => Self::AlreadyRegistered,
        }
    }
}
