//! Customers: who they are, how they prove it, and what is kept of them.
//!
//! What is personal is in a [`Person`], and a customer has one only while they are there: who
//! was erased or merged leaves an id that is never given again, and nothing else.

mod account;
mod mail;
mod pace;
mod person;
mod profile;
mod session;
pub mod token;

pub use account::{Customer, Rejection, Standing};
pub use mail::MailKind;
pub use pace::Pace;
pub use person::{Challenge, Email, Identity, PasswordHash, Person, VERIFY_LIFE};
pub use profile::{Address, Invalid, Preferences, checked_name};
pub use session::{
    Answer, ClosedBy, IDLE_LIFE, REPLAY_GRACE, Refusal, Session, TokenHash, Turn, WHOLE_LIFE,
    crowded_out, present,
};
