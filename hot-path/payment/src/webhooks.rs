//! `POST /v1/webhooks/{provider}`.

use axum::{Json, Router, extract::State, routing::post};
use http::{HeaderMap, StatusCode};
use lmall_app::payment::{Webhook, WebhookError};
use lmall_web::{ApiPath, Problem, RawBody, RequestContext};
use serde::Serialize;
use utoipa::ToSchema;

use crate::till::Till;

/// A webhook that is durable.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Received {
    /// Always true: it will not be lost.
    #[schema(example = true)]
    received: bool,
    /// It was durable before, and changed nothing now.
    #[schema(example = false)]
    duplicate: bool,
}

/// The routes of this group.
pub(crate) fn routes() -> Router<Till> {
    Router::new().route("/v1/webhooks/{provider}", post(receive))
}

/// Receive a provider's event.
///
/// The signature is HMAC-SHA256 over `timestamp.body` (`standard`: `id.timestamp.body`), at most
/// 5 minutes old. Answered 200 once it is durable; the same event again changes nothing, and an
/// event of an unknown type is stored and changes nothing.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{provider}",
    operation_id = "receive_webhook",
    tag = "webhooks",
    params(
        ("provider" = String, Path, description = "the name of a configured provider",
            example = "demo"),
        ("X-Lmall-Timestamp" = Option<String>, Header, nullable = false,
            description = "scheme `generic`: Unix seconds"),
        ("X-Lmall-Signature" = Option<String>, Header, nullable = false,
            description = "scheme `generic`: `v1=<hex>`"),
        ("Stripe-Signature" = Option<String>, Header, nullable = false,
            description = "scheme `stripe`: `t=<Unix seconds>,v1=<hex>`"),
        ("webhook-id" = Option<String>, Header, nullable = false,
            description = "scheme `standard`"),
        ("webhook-timestamp" = Option<String>, Header, nullable = false,
            description = "scheme `standard`: Unix seconds"),
        ("webhook-signature" = Option<String>, Header, nullable = false,
            description = "scheme `standard`: `v1,<base64>`"),
    ),
    request_body(
        content = serde_json::Value,
        content_type = "application/json",
        description = "The provider's event, byte for byte as it was signed. `generic` and \
            `standard`: `payment.captured`, `payment.failed`, `payment.refunded`. `stripe`: \
            `payment_intent.succeeded`, `payment_intent.payment_failed`, `charge.refunded`, with \
            the order id in `metadata.order_id`.",
        example = json!({
            "id": "evt_123", "type": "payment.captured", "created": "2026-01-14T10:31:00Z",
            "data": {
                "order_id": "7212345678901", "payment_id": "pay_9",
                "amount": 1999, "currency": "EUR",
            },
        }),
    ),
    responses(
        (status = 200, description = "it is durable", body = Received),
        (status = 400, description = "`/problems/malformed`: signed, but unparsable"),
        (status = 401, description = "`/problems/invalid-signature`: not signed by the provider, \
            or its time stamp is more than 5 minutes away"),
        (status = 404, description = "`/problems/not-found`: no such provider"),
        (status = 413, description = "`/problems/payload-too-large`: over 256 KiB"),
        (status = 500, description = "`/problems/internal`: send it again"),
        (status = 503, description = "`/problems/unavailable`: send it again"),
    ),
)]
pub(crate) async fn receive(
    State(till): State<Till>,
    ApiPath(provider): ApiPath<String>,
    context: RequestContext,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Json<Received>, Problem> {
    let headers = unambiguous(&headers);
    let webhook = Webhook { headers: &headers, body: &body };
    let received = till.payments.receive(&provider, webhook, &context.trace()).await;
    let received = received.map_err(refused)?;
    Ok(Json(Received { received: true, duplicate: received.duplicate }))
}

/// The headers by lower-case name, without those that came twice or are not text: of two values
/// nobody can say which one was signed.
fn unambiguous(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let once = |name| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())
    };
    let pair = |name| Some((http::HeaderName::as_str(name), once(name)?.to_str().ok()?));
    headers.keys().filter_map(pair).collect()
}

/// The answer to a webhook that was not taken. Why a signature is refused is told to the log
/// only: to a forger, the difference would be a hint.
fn refused(error: WebhookError) -> Problem {
    match error {
        WebhookError::UnknownProvider => Problem::not_found(),
        WebhookError::Unauthenticated(error) => {
            tracing::warn!(%error, "webhook refused");
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "invalid-signature",
                "The webhook is not signed by its provider",
            )
        }
        WebhookError::Unparsable(error) => {
            tracing::warn!(%error, "signed webhook unparsable");
            Problem::malformed().detail("the body is signed, but is no event of this provider")
        }
        WebhookError::Failed(failure) => failure.into(),
    }
}

#[cfg(test)]
mod tests {
    use lmall_app::{
        failure::Failure,
        payment::{Provider, Scheme, SignatureError, parse},
    };
    use lmall_domain::Timestamp;

    use super::*;

    #[test]
    fn a_header_that_came_twice_is_left_out() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("Webhook-Id", "a"), ("x-two", "a"), ("x-two", "a"), ("x-raw", "ü")]
        {
            let name: http::HeaderName = name.parse().unwrap();
            headers.append(name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        assert_eq!(unambiguous(&headers), [("webhook-id", "a")]);
    }

    #[test]
    fn every_bad_signature_is_answered_alike() {
        use SignatureError::{Malformed, Mismatch, Stale};
        let answers = [Malformed, Stale, Mismatch].map(|error| refused(error.into()));
        assert!(answers.iter().all(|problem| *problem == answers[0]));
        let body = answers[0].body(None);
        assert_eq!((body.status, body.kind.as_str()), (401, "/problems/invalid-signature"));
    }

    #[test]
    fn a_refusal_says_whether_to_send_it_again() {
        let name = "demo".parse().unwrap();
        let provider = Provider { name, scheme: Scheme::Generic, secrets: Vec::new() };
        let unparsable = parse(&provider, None, b"5", Timestamp::from_millis(0)).unwrap_err();
        let rows = [
            (WebhookError::UnknownProvider, 404),
            (WebhookError::Unparsable(unparsable), 400),
            (WebhookError::Failed(Failure::Unavailable("away".into())), 503),
            (WebhookError::Failed(Failure::Never("never".to_owned())), 500),
        ];
        for (error, status) in rows {
            let body = refused(error).body(None);
            assert_eq!(body.status, status);
            assert!(!body.detail.unwrap_or_default().contains("struct"), "a type's name");
        }
    }
}
