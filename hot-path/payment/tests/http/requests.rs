//! What is answered to requests before a use case is reached, and when it fails.

use http::{Request, request::Builder};
use lmall_web::testing::{OPERATOR_TOKEN, check_refusals};

use crate::support::{router, signed};

const CAPTURED: &str = r#"{"id":"evt_1","type":"payment.captured",
    "data":{"order_id":"7","payment_id":"pay_9","amount":1999,"currency":"EUR"}}"#;

fn webhook() -> Builder {
    Request::post("/v1/webhooks/provider")
}

#[tokio::test]
async fn a_webhook_is_taken_only_as_its_provider_signed_it() {
    let twice = signed(signed(webhook(), CAPTURED), CAPTURED);
    let unknown = signed(Request::post("/v1/webhooks/other"), CAPTURED);
    check_refusals(
        &router(),
        vec![
            (webhook(), CAPTURED, 401, "invalid-signature", ""),
            (signed(webhook(), "5"), CAPTURED, 401, "invalid-signature", ""),
            (twice, CAPTURED, 401, "invalid-signature", ""),
            (unknown, CAPTURED, 404, "not-found", ""),
            (signed(webhook(), "5"), "5", 400, "malformed", ""),
            (signed(webhook(), "{"), "{", 400, "malformed", ""),
            (signed(webhook(), CAPTURED), CAPTURED, 503, "unavailable", ""),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_payment_is_shown_only_to_who_says_who_they_are() {
    let get = || Request::get("/v1/payments/7");
    let of_ann = |path| Request::get(path).header("x-customer-id", "ann");
    check_refusals(
        &router(),
        vec![
            (get(), "", 401, "unauthenticated", ""),
            (get().header("x-customer-id", "a b"), "", 401, "unauthenticated", ""),
            (
                get().header("x-customer-id", "ann").header("x-operator-token", "x"),
                "",
                403,
                "forbidden",
                "",
            ),
            (of_ann("/v1/payments/x"), "", 404, "not-found", ""),
            (of_ann("/v1/payments/7"), "", 503, "unavailable", ""),
            (get().header("x-operator-token", OPERATOR_TOKEN), "", 503, "unavailable", ""),
        ],
    )
    .await;
}
