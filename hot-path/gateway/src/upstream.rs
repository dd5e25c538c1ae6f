//! One service: where it is, and how much of what may be sent there.

mod places;
mod target;

use std::{error::Error as StdError, sync::Arc, time::Duration};

use axum::response::Response;
use http::StatusCode;
use http_body_util::LengthLimitError;
use lmall_app::{
    circuit::{Circuit, Passage},
    failure::chain,
    ports::Clock,
};
use lmall_domain::breaker::{self, RetryBudget};
use lmall_web::{Problem, client::Error};
use parking_lot::Mutex;

pub use places::Bounds;
pub(crate) use places::Places;
pub use target::Target;
pub(crate) use target::{Forwarded, Outgoing};

use crate::{counters::UpstreamCounters, service::Class};

/// Half of ten requests within half a minute. The window is longer than the longest time for an
/// answer, so that a service that takes requests and never answers is noticed, too.
pub const BREAKER: breaker::Settings = breaker::Settings {
    window: Duration::from_secs(30),
    volume_min: 10,
    failures_percent: 50,
    open_for: Duration::from_secs(5),
    probes: 3,
};

const _: () = assert!(BREAKER.window.as_secs() > crate::ANSWER_TIMEOUT.as_secs());

/// A service.
pub(crate) struct Upstream {
    target: Target,
    circuit: Circuit,
    /// Its own places, and those that all services share.
    places: [Arc<Places>; 2],
    budget: Mutex<RetryBudget>,
    pub(crate) counters: UpstreamCounters,
}

impl Upstream {
    pub(crate) fn new(
        target: Target,
        settings: breaker::Settings,
        places: [Arc<Places>; 2],
        clock: Arc<dyn Clock>,
        counters: UpstreamCounters,
    ) -> Self {
        let circuit = Circuit::new(settings, clock);
        Self { target, circuit, places, budget: Mutex::default(), counters }
    }

    /// Whether its breaker lets requests through.
    pub(crate) fn phase(&self) -> breaker::Phase {
        self.circuit.phase()
    }

    /// Sends a request, and once more if nothing was answered and it may be repeated; the head of
    /// its answer within this time.
    pub(crate) async fn send(
        &self,
        class: Class,
        request: Forwarded,
        within: Duration,
    ) -> Result<Response, Problem> {
        self.counters.count(class);
        let passage = self.enter()?;
        let [own, common] = &self.places;
        let (Some(_own), Some(_common)) = (own.take().await, common.take().await) else {
            self.counters.full.inc();
            return Err(Problem::unavailable());
        };
        self.pay_in();
        let again = request.again();
        match self.attempt(passage, request, within).await {
            Err(error) if is_unheard(&error) => {
                let retry = again.filter(|_| self.may_retry());
                let Some(request) = retry else { return Err(problem(&error)) };
                self.counters.retries.inc();
                let passage = self.enter()?;
                self.attempt(passage, request, within).await.map_err(|error| problem(&error))
            }
            answer => answer.map_err(|error| problem(&error)),
        }
    }

    fn enter(&self) -> Result<Passage<'_>, Problem> {
        self.circuit.enter().map_err(|again_in| {
            self.counters.broken.inc();
            let seconds = again_in.as_millis().div_ceil(1_000).max(1);
            Problem::unavailable().retry_after(u32::try_from(seconds).unwrap_or(u32::MAX))
        })
    }

    async fn attempt(
        &self,
        passage: Passage<'_>,
        request: Forwarded,
        within: Duration,
    ) -> Result<Response, Error> {
        let answer = self.target.open(request, within).await;
        match &answer {
            Ok(_) => passage.answered(),
            // The client's fault: it says nothing of the service.
            Err(Error::Unsendable(_)) => drop(passage),
            Err(error) if is_of_the_client(error) => drop(passage),
            Err(Error::TimedOut(_) | Error::Unreachable(_) | Error::Broken(_)) => {
                passage.unanswered();
            }
        }
        answer
    }

    fn pay_in(&self) {
        let mut budget = self.budget.lock();
        *budget = budget.sent();
    }

    fn may_retry(&self) -> bool {
        let mut budget = self.budget.lock();
        let less = budget.retry();
        if let Some(less) = less {
            *budget = less;
        }
        less.is_some()
    }
}

/// Whether nothing came back, and asking again does not take as long again.
fn is_unheard(error: &Error) -> bool {
    match error {
        Error::Unreachable(_) | Error::Broken(_) => !is_of_the_client(error),
        Error::Unsendable(_) | Error::TimedOut(_) => false,
    }
}

/// What the client reads when there is no answer.
fn problem(error: &Error) -> Problem {
    if has_cause::<LengthLimitError>(error) {
        return Problem::payload_too_large();
    }
    tracing::warn!(error = chain(error), "a service does not answer");
    match error {
        Error::Unsendable(_) => Problem::malformed(),
        Error::Unreachable(_) => Problem::unavailable(),
        Error::Broken(_) => Problem::new(
            StatusCode::BAD_GATEWAY,
            "bad-gateway",
            "The service behind this one broke off",
        )
        .retry_after(1),
        Error::TimedOut(_) => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "gateway-timeout",
            "The service behind this one took too long",
        )
        .retry_after(1),
    }
}

/// Whether it was the client's body that ended early or was cut off at its limit.
fn is_of_the_client(error: &Error) -> bool {
    has_cause::<LengthLimitError>(error)
        || causes(error)
            .any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_user))
}

fn has_cause<E: StdError + 'static>(error: &Error) -> bool {
    causes(error).any(<dyn StdError>::is::<E>)
}

fn causes(error: &Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |&error| error.source())
}
