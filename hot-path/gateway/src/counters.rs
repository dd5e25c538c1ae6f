//! What the gateway counts. No label is taken from what a client sends.

use lmall_domain::breaker::Phase;
use lmall_web::{Counter, Gauge, Metrics};

use crate::{
    identity::{TokenFailure, Unidentified},
    limits::Subject,
    service::{Class, Service},
};

/// What is counted at the door.
pub(crate) struct Counters {
    /// By class; for an address, and for a customer.
    limited: [[Counter; 2]; 4],
    token_failures: [Counter; 12],
    unidentified: Counter,
}

/// What is counted of one service.
pub(crate) struct UpstreamCounters {
    requests: [Counter; 4],
    pub(crate) retries: Counter,
    /// Turned away by the breaker.
    pub(crate) broken: Counter,
    /// Turned away for want of a place.
    pub(crate) full: Counter,
    breaker: Gauge,
}

impl Counters {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let limited = |class: Class, subject| {
            metrics.counter_with(
                "lmall_gateway_limited_total",
                "Requests turned away with 429.",
                &[("class", class.name()), ("by", subject)],
            )
        };
        Self {
            limited: Class::ALL.map(|class| ["address", "customer"].map(|by| limited(class, by))),
            token_failures: TokenFailure::ALL.map(|failure| {
                metrics.counter_with(
                    "lmall_gateway_token_failures_total",
                    "Access tokens that proved nothing.",
                    &[("reason", failure.name())],
                )
            }),
            unidentified: metrics.counter(
                "lmall_gateway_identity_unavailable_total",
                "Requests turned away because keys or revocations were away.",
            ),
        }
    }

    pub(crate) fn limited(&self, class: Class, by: Subject) {
        let at = place(&Class::ALL, &class);
        let by = match by {
            Subject::Address => 0,
            Subject::Customer => 1,
        };
        self.limited[at][by].inc();
    }

    pub(crate) fn unidentified(&self, why: Unidentified) {
        match why {
            Unidentified::Bad(failure) => {
                self.token_failures[place(&TokenFailure::ALL, &failure)].inc();
            }
            Unidentified::Away => self.unidentified.inc(),
        }
    }
}

impl UpstreamCounters {
    pub(crate) fn new(service: Service, metrics: &Metrics) -> Self {
        let upstream = ("upstream", service.name());
        let shed = |why| {
            metrics.counter_with(
                "lmall_gateway_shed_total",
                "Requests turned away with 503: the breaker is open, or no place is free.",
                &[upstream, ("why", why)],
            )
        };
        Self {
            requests: Class::ALL.map(|class| {
                metrics.counter_with(
                    "lmall_gateway_requests_total",
                    "Requests for a service.",
                    &[upstream, ("class", class.name())],
                )
            }),
            retries: metrics.counter_with(
                "lmall_gateway_retries_total",
                "Requests sent a second time.",
                &[upstream],
            ),
            broken: shed("breaker"),
            full: shed("full"),
            breaker: metrics.gauge_with(
                "lmall_gateway_breaker",
                "State of the breaker: 0 closed, 1 half open, 2 open.",
                &[upstream],
            ),
        }
    }

    pub(crate) fn count(&self, class: Class) {
        self.requests[place(&Class::ALL, &class)].inc();
    }

    pub(crate) fn show(&self, phase: Phase) {
        self.breaker.set(match phase {
            Phase::Closed => 0,
            Phase::HalfOpen => 1,
            Phase::Open => 2,
        });
    }
}

/// Where a value is in the list of all of them.
fn place<T: PartialEq>(all: &[T], value: &T) -> usize {
    all.iter().position(|known| known == value).unwrap_or(0)
}
