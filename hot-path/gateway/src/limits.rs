//! How often a client may ask, by what it asks for.

use std::{fmt::Write, net::IpAddr, str::FromStr, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};
use lmall_app::ports::{BucketId, LimiterError, RateLimiter};
use lmall_domain::{
    CustomerId,
    limit::{BadLimit, Limit, Taken},
};
use lmall_web::Problem;

use crate::{address::household, service::Class};

/// The limits of each class: for an address, which many may share, and for a customer.
///
/// Text such as `read.customer=50/s:200,login.address=off` changes the defaults; `off` alone
/// lifts all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits([Pair; 4]);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Pair {
    address: Option<Limit>,
    customer: Option<Limit>,
}

/// Limits that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLimits {
    /// It is not `CLASS.SUBJECT=LIMIT`.
    #[error("`{0}` is not such as read.customer=50/s:200 (read, write, login or webhook)")]
    Entry(String),
    /// The limit itself is none.
    #[error(transparent)]
    Limit(#[from] BadLimit),
}

impl Default for Limits {
    /// A person clicks a few times a second, and a page asks ten times at once; behind one
    /// address there may be an office. A password is guessed from one address twice a second at
    /// most. Providers send what has piled up.
    fn default() -> Self {
        let pair = |address, customer| Pair { address: Some(address), customer };
        let both = |address, customer| pair(address, Some(customer));
        Self(Class::ALL.map(|class| match class {
            Class::Read => both(Limit::per_second(200, 400), Limit::per_second(50, 200)),
            Class::Write => both(Limit::per_second(50, 200), Limit::per_second(10, 50)),
            Class::Login => both(Limit::per_second(2, 20), Limit::per_second(2, 20)),
            Class::Webhook => pair(Limit::per_second(200, 1_000), None),
        }))
    }
}

impl Limits {
    const NONE: Self = Self([Pair { address: None, customer: None }; 4]);

    fn of(&self, class: Class) -> &Pair {
        let [read, write, login, webhook] = &self.0;
        match class {
            Class::Read => read,
            Class::Write => write,
            Class::Login => login,
            Class::Webhook => webhook,
        }
    }

    fn set(&mut self, entry: &str) -> Result<(), BadLimits> {
        let bad = || BadLimits::Entry(entry.escape_debug().to_string());
        let (name, limit) = entry.split_once('=').ok_or_else(bad)?;
        let (class, subject) = name.trim().split_once('.').ok_or_else(bad)?;
        let at = Class::ALL.iter().position(|known| known.name() == class).ok_or_else(bad)?;
        let limit = match limit.trim() {
            "off" => None,
            limit => Some(limit.parse()?),
        };
        match subject {
            "address" => self.0[at].address = limit,
            "customer" => self.0[at].customer = limit,
            _ => return Err(bad()),
        }
        Ok(())
    }
}

impl FromStr for Limits {
    type Err = BadLimits;

    fn from_str(text: &str) -> Result<Self, BadLimits> {
        if text.trim() == "off" {
            return Ok(Self::NONE);
        }
        let mut limits = Self::default();
        let entries = text.split(',').filter(|entry| !entry.trim().is_empty());
        entries.into_iter().try_for_each(|entry| limits.set(entry))?;
        Ok(limits)
    }
}

/// Whom a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Address,
    Customer,
}

/// What the limits say to a request: the one that has the least left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verdict {
    pub(crate) subject: Subject,
    limit: Limit,
    taken: Taken,
}

/// The limits, and who keeps count.
pub(crate) struct Limiter {
    pub(crate) limits: Limits,
    pub(crate) keeper: Arc<dyn RateLimiter>,
}

impl Limiter {
    /// Takes a token for the address and one for the customer, both at once: a request that one
    /// of them turns away has cost the other one, too.
    pub(crate) async fn check(
        &self,
        class: Class,
        address: IpAddr,
        customer: Option<&CustomerId>,
    ) -> Result<Option<Verdict>, LimiterError> {
        let pair = self.limits.of(class);
        let name = class.name();
        let by_address = self.take(pair.address, Subject::Address, || {
            format!("{name}:address:{}", household(address))
        });
        let limit = pair.customer.filter(|_| customer.is_some());
        let by_customer = self.take(limit, Subject::Customer, || {
            let mut id = format!("{name}:customer:");
            let _infallible = customer.map(|customer| write!(id, "{customer}"));
            id
        });
        let (by_address, by_customer) =
            futures_util::future::try_join(by_address, by_customer).await?;
        let verdicts = by_address.into_iter().chain(by_customer);
        Ok(verdicts.min_by_key(|verdict| (verdict.is_admitted(), verdict.taken.remaining)))
    }

    async fn take(
        &self,
        limit: Option<Limit>,
        subject: Subject,
        id: impl FnOnce() -> String,
    ) -> Result<Option<Verdict>, LimiterError> {
        let Some(limit) = limit else { return Ok(None) };
        let taken = self.keeper.take(&BucketId::new(id()), limit).await?;
        Ok(Some(Verdict { subject, limit, taken }))
    }
}

impl Verdict {
    pub(crate) fn is_admitted(&self) -> bool {
        self.taken.admitted
    }

    /// What a client reads that is turned away.
    pub(crate) fn problem(&self) -> Problem {
        let wait_s = self.taken.retry_after.as_millis().div_ceil(1_000).max(1);
        Problem::rate_limited().retry_after(u32::try_from(wait_s).unwrap_or(u32::MAX))
    }

    /// Says in the answer how much is left.
    pub(crate) fn show(&self, headers: &mut HeaderMap) {
        let full_in_s = self.taken.full_in.as_millis().div_ceil(1_000);
        let rows = [
            ("ratelimit-limit", u128::from(self.limit.burst())),
            ("ratelimit-remaining", u128::from(self.taken.remaining)),
            ("ratelimit-reset", full_in_s),
        ];
        for (name, value) in rows {
            let value = u64::try_from(value).unwrap_or(u64::MAX);
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_change_what_they_name() {
        let limits: Limits = "read.customer=5/m:1, webhook.address=off".parse().unwrap();
        let expected = Limits::default();
        assert_eq!(limits.of(Class::Read).customer, Some(Limit::per_minute(5, 1)));
        assert_eq!(limits.of(Class::Read).address, expected.of(Class::Read).address);
        assert_eq!(limits.of(Class::Webhook), &Pair::default());
        assert_eq!(limits.of(Class::Login), expected.of(Class::Login));
        assert_eq!("".parse(), Ok(expected));
        assert_eq!("off".parse(), Ok(Limits::NONE));
        for bad in ["read", "read=1/s:1", "reed.address=1/s:1", "read.all=off", "read.address=1"] {
            assert!(bad.parse::<Limits>().is_err(), "{bad}");
        }
    }
}
