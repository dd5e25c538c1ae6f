//! `POST /v1/quotes`: what some lines cost, and why.

use axum::{Json, Router, extract::State, routing::post};
use lmall_app::catalogue::QuoteError;
use lmall_domain::{
    Sku, Timestamp,
    catalogue::{self, QuotedLine},
    limits::{ORDER_LINES_MAX, QUANTITY_MAX},
    money::Currency,
    order::{LineRequest, PlaceRejection},
};
use lmall_web::{
    ApiJson, Money, Problem,
    openapi::{BodyRefused, Fault},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::shop::Shop;

/// What is asked for: what and how many.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuoteRequest {
    /// Lines with one SKU are merged.
    #[schema(min_items = 1, max_items = 40)]
    lines: Vec<Line>,
    /// What to pay in; when absent, the products' own currency, which has to be one.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Z]{3}$", nullable = false)]
    currency: Option<Currency>,
}

/// A line of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QuoteRequestLine)]
pub(crate) struct Line {
    /// What.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_.-]{1,64}$", example = "tea-01")]
    sku: Sku,
    /// How many, over all lines with that SKU.
    #[schema(minimum = 1, maximum = 1000, example = 2)]
    quantity: i64,
}

/// What the lines cost at that time: an order of them then costs the same.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Quote {
    /// When.
    #[schema(value_type = String, format = DateTime, example = "2026-01-14T10:30:00.123Z")]
    quoted_at: Timestamp,
    /// By SKU, ascending, each once.
    lines: Vec<QuoteLine>,
    /// The sum of the lines.
    total: Money,
}

/// What a line costs, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuoteLine {
    /// What.
    #[schema(value_type = String, example = "tea-01")]
    sku: Sku,
    /// What people call it.
    #[schema(example = "Green tea")]
    name: String,
    /// How many.
    #[schema(example = 2)]
    quantity: u32,
    /// The price before any rule.
    list_price: ListPrice,
    /// The rules that applied, in that order.
    rules: Vec<AppliedRule>,
    /// The list price less what the rules took off.
    unit_price: Money,
    /// The price of all units.
    line_total: Money,
}

/// A price before any rule, and when it is in force.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListPrice {
    /// For one unit.
    price: Money,
    /// From when; absent for the base price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    from: Option<Timestamp>,
    /// Until just before when; absent when that is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    until: Option<Timestamp>,
}

/// A rule that took something off.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppliedRule {
    /// Which.
    #[schema(example = "spring")]
    id: String,
    /// How much, of one unit.
    off: Money,
}

// What the document says is what the domain says.
const _: () = assert!(ORDER_LINES_MAX == 40 && QUANTITY_MAX == 1_000);

/// The routes of this group.
pub(crate) fn routes() -> Router<Shop> {
    Router::new().route("/v1/quotes", post(quote))
}

/// Ask what some lines cost, and why.
///
/// Nothing is promised: a price that changes before the order is placed is that of the order.
#[utoipa::path(
    post,
    path = "/v1/quotes",
    operation_id = "quote",
    tag = "catalogue",
    request_body = QuoteRequest,
    responses(
        (status = 200, description = "what they cost", body = Quote),
        (status = 422, description = "`/problems/validation` names the place"),
        BodyRefused, Fault,
    ),
)]
pub(crate) async fn quote(
    State(shop): State<Shop>,
    ApiJson(body): ApiJson<QuoteRequest>,
) -> Result<Json<Quote>, Problem> {
    let lines: Vec<LineRequest> = body
        .lines
        .iter()
        // What is no quantity is one that the domain refuses.
        .map(|line| LineRequest {
            sku: line.sku.clone(),
            quantity: u32::try_from(line.quantity).unwrap_or(0),
        })
        .collect();
    let now = shop.catalogue.now();
    match shop.catalogue.quote(&lines, body.currency, now).await {
        Ok(catalogue::Quote { lines, total }) => Ok(Json(Quote {
            quoted_at: now,
            lines: lines.into_iter().map(QuoteLine::from).collect(),
            total: total.into(),
        })),
        Err(QuoteError::Rejected(rejection)) => Err(body.refusal(&rejection)),
        Err(QuoteError::Failed(failure)) => Err(failure.into()),
    }
}

impl QuoteRequest {
    /// The answer to lines that have no price, with the place in the body as it was sent.
    fn refusal(&self, rejection: &PlaceRejection) -> Problem {
        let first_with = |sku: &Sku| {
            let sent = self.lines.iter().position(|line| line.sku == *sku);
            sent.map_or_else(|| "/lines".to_owned(), |index| format!("/lines/{index}/sku"))
        };
        let pointer = match rejection {
            PlaceRejection::LineCount | PlaceRejection::Total => "/lines".to_owned(),
            PlaceRejection::Quantity { index } => format!("/lines/{index}/quantity"),
            PlaceRejection::UnknownSku { sku }
            | PlaceRejection::NotSold { sku, .. }
            | PlaceRejection::MixedCurrencies { sku } => first_with(sku),
        };
        Problem::invalid().error(pointer, rejection.to_string())
    }
}

impl From<QuotedLine> for QuoteLine {
    fn from(line: QuotedLine) -> Self {
        let QuotedLine { sku, name, quantity, unit, total } = line;
        let catalogue::ListPrice { price, from, until } = unit.list;
        let applied =
            |rule: catalogue::Applied| AppliedRule { id: rule.rule, off: rule.off.into() };
        Self {
            sku,
            name,
            quantity,
            list_price: ListPrice { price: price.into(), from, until },
            rules: unit.applied.into_iter().map(applied).collect(),
            unit_price: unit.price.into(),
            line_total: total.into(),
        }
    }
}
