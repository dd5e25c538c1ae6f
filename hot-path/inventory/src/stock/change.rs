//! `POST /v1/inventory/{sku}/receipts` and `POST /v1/inventory/{sku}/adjustments`.

use axum::{Json, extract::State};
use http::StatusCode;
use lmall_app::stock::{self, ReceiptOutcome};
use lmall_domain::{Sku, limits::STOCK_MAX};
use lmall_web::{
    ApiJson, ApiPath, Operator, Problem,
    openapi::{BodyRefused, OperatorRefused},
};

use super::{
    level::Level,
    request::{Adjustment, Receipt},
};
use crate::desk::Desk;

/// Receive stock.
///
/// The same reference with the same quantity is received once.
#[utoipa::path(
    post,
    path = "/v1/inventory/{sku}/receipts",
    operation_id = "receive_stock",
    tag = "inventory",
    security(("operator" = [])),
    params(("sku" = String, Path, description = "the SKU", example = "tea-01")),
    request_body = Receipt,
    responses(
        (status = 200, description = "it is in the ledger, now or since before", body = Level),
        (status = 404, description = "`/problems/not-found`: the path has no valid SKU"),
        (status = 409, description = "`/problems/reference-reused`: with another quantity"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: send it again, it counts once"),
        BodyRefused, OperatorRefused,
    ),
)]
pub(crate) async fn receive(
    State(desk): State<Desk>,
    _: Operator,
    ApiPath(sku): ApiPath<Sku>,
    ApiJson(body): ApiJson<Receipt>,
) -> Result<Json<Level>, Problem> {
    body.check()?;
    let outcome = desk.inventory.receive(&sku, body.reference, body.quantity, None).await?;
    let level = recorded(outcome, "/quantity")?;
    Ok(Json(Level::of(sku, level)))
}

/// Correct the stock.
///
/// It takes only what is available: never what is reserved or sold. The same reference with the
/// same delta counts once.
#[utoipa::path(
    post,
    path = "/v1/inventory/{sku}/adjustments",
    operation_id = "adjust_stock",
    tag = "inventory",
    security(("operator" = [])),
    params(("sku" = String, Path, description = "the SKU", example = "tea-01")),
    request_body = Adjustment,
    responses(
        (status = 200, description = "it is in the ledger, now or since before", body = Level),
        (status = 404, description = "`/problems/not-found`: the path has no valid SKU"),
        (status = 409, description = "`/problems/insufficient-stock`: it would take what is \
            reserved or sold; `/problems/reference-reused`: with another delta"),
        (status = 422, description = "`/problems/validation` names each place"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: send it again, it counts once"),
        BodyRefused, OperatorRefused,
    ),
)]
pub(crate) async fn adjust(
    State(desk): State<Desk>,
    _: Operator,
    ApiPath(sku): ApiPath<Sku>,
    ApiJson(body): ApiJson<Adjustment>,
) -> Result<Json<Level>, Problem> {
    body.check()?;
    let Adjustment { delta, reason, reference } = body;
    let outcome = desk.inventory.receive(&sku, reference, delta, Some(reason)).await?;
    let level = recorded(outcome, "/delta")?;
    Ok(Json(Level::of(sku, level)))
}

/// The level after the change; `pointer` is where the body says how many units.
fn recorded(outcome: ReceiptOutcome, pointer: &str) -> Result<stock::Level, Problem> {
    match outcome {
        ReceiptOutcome::Recorded(level) => Ok(level),
        ReceiptOutcome::ReferenceReused => Err(Problem::new(
            StatusCode::CONFLICT,
            "reference-reused",
            "The reference was used with other units",
        )),
        ReceiptOutcome::NotEnough => Err(Problem::new(
            StatusCode::CONFLICT,
            "insufficient-stock",
            "Fewer units are available than it would take",
        )),
        ReceiptOutcome::TooMuch => {
            let detail = format!("the ledger holds at most {STOCK_MAX} units of a SKU");
            Err(Problem::invalid().error(pointer, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_its_answer() {
        let level = stock::Level { available: 1, reserved: 2, sold: 3 };
        assert_eq!(recorded(ReceiptOutcome::Recorded(level), "/quantity"), Ok(level));
        let rows = [
            (ReceiptOutcome::ReferenceReused, 409, "/problems/reference-reused"),
            (ReceiptOutcome::NotEnough, 409, "/problems/insufficient-stock"),
            (ReceiptOutcome::TooMuch, 422, "/problems/validation"),
        ];
        for (outcome, status, kind) in rows {
            let body = recorded(outcome, "/delta").unwrap_err().body(None);
            assert_eq!((body.status, body.kind.as_str()), (status, kind));
        }
    }
}
