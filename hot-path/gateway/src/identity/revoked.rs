//! Which sessions have ended, remembered for a moment.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    circuit::Circuit,
    ports::{Clock, RevocationError, Revocations},
};
use lmall_domain::{breaker, id::SessionId};
use moka::future::Cache;
use tokio::time::timeout;

/// How long it is believed that a session has not ended: as long as one may be used after that.
const FRESH: Duration = Duration::from_secs(5);

/// How long that is believed when nobody can be asked.
const STALE_MAX: Duration = Duration::from_secs(60);

/// The longest wait for an answer.
const ANSWER_WITHIN: Duration = Duration::from_millis(250);

/// Sessions that are remembered: each takes some 200 bytes, so all of them some 20 MB.
const SESSIONS_MAX: u64 = 100_000;

/// One failure is enough: the next request shall not wait for another.
const AWAY: breaker::Settings = breaker::Settings {
    window: Duration::from_secs(1),
    volume_min: 1,
    failures_percent: 0,
    open_for: Duration::from_secs(1),
    probes: 1,
};

/// The revocations, and what they said last.
pub(super) struct Revoked {
    revocations: Arc<dyn Revocations>,
    known: Cache<SessionId, Known>,
    circuit: Circuit,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    has_ended: bool,
    since: Duration,
}

impl Revoked {
    pub(super) fn new(revocations: Arc<dyn Revocations>, clock: Arc<dyn Clock>) -> Self {
        let known = Cache::builder().max_capacity(SESSIONS_MAX).time_to_live(STALE_MAX).build();
        Self { revocations, known, circuit: Circuit::new(AWAY, Arc::clone(&clock)), clock }
    }

    /// Whether the session has ended. Where nobody can be asked, what was said of it within
    /// [`STALE_MAX`] holds; and of a session of which nothing was said, nothing is known.
    pub(super) async fn has(&self, session: &SessionId) -> Result<bool, RevocationError> {
        let now = self.clock.monotonic();
        let known = self.known.get(session).await;
        if let Some(known) = known
            && (known.has_ended || now.saturating_sub(known.since) < FRESH)
        {
            return Ok(known.has_ended);
        }
        match self.ask(session).await {
            Ok(has_ended) => {
                self.known.insert(session.clone(), Known { has_ended, since: now }).await;
                Ok(has_ended)
            }
            Err(error) => {
                let still = known.filter(|it| now.saturating_sub(it.since) < STALE_MAX);
                still.map(|known| known.has_ended).ok_or(error)
            }
        }
    }

    async fn ask(&self, session: &SessionId) -> Result<bool, RevocationError> {
        let away = |text: &'static str| RevocationError(text.into());
        let passage = self.circuit.enter().map_err(|_| away("they were away a moment ago"))?;
        let answer = timeout(ANSWER_WITHIN, self.revocations.is_revoked(session)).await;
        let answer = answer.unwrap_or_else(|_| Err(away("no answer in time")));
        match answer {
            Ok(_) => passage.answered(),
            Err(_) => passage.unanswered(),
        }
        answer
    }
}
