//! `grpc.health.v1.Health`: what readiness says, for each service.

use std::time::Duration;

use tonic_health::{
    ServingStatus,
    pb::health_server,
    server::{HealthReporter, health_reporter},
};

use super::Ready;

/// How often readiness is looked at: whoever is not ready is known within this time.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long the dependencies have to answer, as over HTTP.
const READY_TIMEOUT: Duration = Duration::from_secs(3);

/// The whole server, as the protocol calls it.
const WHOLE: &str = "";

/// The health of some services.
pub(super) struct Health {
    reporter: HealthReporter,
    names: Vec<&'static str>,
}

impl Health {
    /// Nobody is healthy yet.
    pub(super) async fn new(
        names: &[&'static str],
    ) -> (Self, health_server::HealthServer<impl health_server::Health>) {
        let (reporter, server) = health_reporter();
        let names = names.iter().copied().chain([WHOLE]).collect();
        let health = Self { reporter, names };
        health.say(false).await;
        (health, server)
    }

    /// Looks at readiness again and again.
    pub(super) async fn follow(&self, ready: Ready) {
        let mut said = None;
        loop {
            let asked = tokio::time::timeout(READY_TIMEOUT, ready()).await;
            let found = asked.unwrap_or_else(|elapsed| Err(elapsed.to_string()));
            // Whoever watches is told of changes alone.
            if said != Some(found.is_ok()) {
                self.say(found.is_ok()).await;
                said = Some(found.is_ok());
                if let Err(error) = found {
                    tracing::warn!(error, "not ready for gRPC");
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Says that nobody is healthy any more, and lets go of those who watch.
    pub(super) async fn stop(&self) {
        self.say(false).await;
        // Whoever watches is woken by the change, and is given it before the end.
        let mut reporter = self.reporter.clone();
        for name in &self.names {
            reporter.clear_service_status(name).await;
        }
    }

    async fn say(&self, is_ready: bool) {
        let status = if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in &self.names {
            self.reporter.set_service_status(name, status).await;
        }
    }
}
