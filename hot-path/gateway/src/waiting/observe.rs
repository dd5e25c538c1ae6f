//! What the waiting rooms learn from the answers to orders.

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use http::{Method, StatusCode};
use lmall_app::{
    failure::{Failure, chain},
    waiting::TOKEN_LEN_MAX,
};
use lmall_web::extract::X_ADMISSION_TOKEN;

use super::hall::Hall;

/// The route of orders.
const ORDERS: &str = "/v1/orders";

/// The same routes, with every answer to a placing counted.
///
/// How many customers are let through depends on it. And who has ordered with a token is known at
/// once, so that their units are not taken to be open until the token would have expired.
pub fn observed(router: Router, hall: &Hall) -> Router {
    router.layer(from_fn_with_state(Arc::new(hall.clone()), observe))
}

async fn observe(State(hall): State<Arc<Hall>>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || request.uri().path() != ORDERS {
        return next.run(request).await;
    }
    let wishes_to_wait = request.headers().contains_key("prefer");
    let token = request.headers().get(X_ADMISSION_TOKEN).and_then(|token| token.to_str().ok());
    let token = token.filter(|token| token.len() <= TOKEN_LEN_MAX).map(str::to_owned);
    let started = Instant::now();
    let response = next.run(request).await;
    let is_shed = matches!(
        response.status(),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    );
    hall.load.record(is_shed, (!wishes_to_wait).then(|| started.elapsed()));
    if let Some(token) = token
        && response.status() == StatusCode::CREATED
        && let Err(failure) = hall.note_order(&token).await
    {
        // It is found out when the admission expires.
        tracing::warn!(error = chain(&failure), "an order of a flash sale was not noted yet");
    }
    response
}

impl Hall {
    /// Notes what became of an admission, if anything did.
    async fn note_order(&self, token: &str) -> Result<(), Failure> {
        let Ok(ticket) = self.keys.verify(token) else { return Ok(()) };
        if let Some(outcome) = self.admissions.outcome(&ticket).await? {
            self.rooms.settle(&ticket, outcome).await?;
        }
        Ok(())
    }
}
