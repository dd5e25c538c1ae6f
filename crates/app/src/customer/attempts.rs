//! How often something may be tried, counted in the store: a restart forgets nothing, and two
//! processes count together.

use std::time::Duration;

use lmall_domain::{Timestamp, customer::Pace};
use serde::{Deserialize, Serialize};

use super::{Customers, row};
use crate::{
    Changeset,
    failure::{Failure, Round, committed, rounds},
    row::{decode, plain},
};

/// What is counted, whose, and how many there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    kind: &'static str,
    name: &'a str,
    pace: Pace,
}

/// Ten wrong passwords of an account at once, then one a minute: 1,440 guesses a day, of the
/// million or so that even a poor password takes.
const PASSWORD: Pace = Pace { burst: 10, every: Duration::from_secs(60) };

/// From one address of the network: a household, or an office behind one router.
const CALLER: Pace = Pace { burst: 60, every: Duration::from_secs(2) };

/// Mails to one address: what somebody needs who cannot find the first one.
const MAIL: Pace = Pace { burst: 4, every: Duration::from_secs(900) };

#[derive(Serialize, Deserialize)]
struct Counted {
    rested_at: Timestamp,
}

impl<'a> Attempt<'a> {
    /// A password is shown for the account of this name.
    pub(super) const fn password(name: &'a str) -> Self {
        Self { kind: "password", name, pace: PASSWORD }
    }

    /// Somebody asks from this address of the network; without one it cannot be counted.
    pub(super) fn caller(address: Option<&'a str>) -> Option<Self> {
        address.map(|name| Self { kind: "caller", name, pace: CALLER })
    }

    /// A mail is asked for.
    pub(super) const fn mail(email: &'a str) -> Self {
        Self { kind: "mail", name: email, pace: MAIL }
    }
}

impl Customers {
    /// Counts the attempts, all of them or none; `Err` is how long to wait.
    ///
    /// They are counted before what they are for is done, so that many at once gain nothing.
    pub(super) async fn attempt(
        &self,
        attempts: impl IntoIterator<Item = Attempt<'_>>,
    ) -> Result<Result<(), Duration>, Failure> {
        let attempts: Vec<_> = attempts.into_iter().collect();
        rounds(&*self.clock, self.salt(), async || {
            let now = self.now();
            let (mut changes, mut wait) = (Changeset::new(), None);
            for Attempt { kind, name, pace } in &attempts {
                let key = row::attempts_key(kind, name);
                let before =
                    self.store.get(&key).await?.as_ref().map(decode::<Counted>).transpose()?;
                let version = before.as_ref().map_or(0, |before| before.version);
                match pace.take(before.map(|before| before.value.rested_at), now) {
                    Ok(rested_at) => {
                        let mut row = plain(key, &Counted { rested_at });
                        row.expires_at = Some(rested_at);
                        changes = changes.put(row, version);
                    }
                    Err(longer) => wait = wait.max(Some(longer)),
                }
            }
            if let Some(wait) = wait {
                return Ok(Round::Done(Err(wait)));
            }
            if changes.is_empty() {
                return Ok(Round::Done(Ok(())));
            }
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(Ok(())),
                Err(_) => Round::Again,
            })
        })
        .await
    }
}
