//! `GET /v1/orders/{id}/events`.

use std::borrow::Cow;

use axum::{Json, extract::State};
use lmall_domain::OrderId;
use lmall_web::{
    ApiPath, CustomerId, Page, Problem,
    openapi::{CustomerRefused, Fault},
};
use serde::Serialize;
use serde_json::{json, value::RawValue};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};

use super::own_order;
use crate::shop::Shop;

/// An event's envelope, exactly as it was stored.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Event(Box<RawValue>);

/// Read the audit trail of an order.
///
/// Every event that the order service wrote or took in for it, in that order, all on one page.
#[utoipa::path(
    get,
    path = "/v1/orders/{id}/events",
    operation_id = "list_order_events",
    tag = "orders",
    security(("customer" = [])),
    params(("id" = String, Path, description = "the order's id", example = "7212345678901")),
    responses(
        (status = 200, description = "the events; `next_cursor` is null", body = Page<Event>),
        (status = 404, description = "`/problems/not-found`: unknown, or not yours"),
        CustomerRefused, Fault,
    ),
)]
pub(crate) async fn events(
    State(shop): State<Shop>,
    CustomerId(customer_id): CustomerId,
    ApiPath(id): ApiPath<OrderId>,
) -> Result<Json<Page<Event>>, Problem> {
    own_order(&shop, &customer_id, id).await?;
    let trail = shop.orders.trail(id).await?;
    let items = trail.into_iter().map(|entry| Event(entry.envelope)).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

impl ToSchema for Event {
    fn name() -> Cow<'static, str> {
        "Event".into()
    }
}

// By hand: the envelope goes out as it was stored, so there is no struct to derive this from.
impl PartialSchema for Event {
    fn schema() -> RefOr<Schema> {
        let text = |description: &str| {
            ObjectBuilder::new().schema_type(Type::String).description(Some(description))
        };
        let date_time = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let properties = [
            ("event_type", text("What happened, such as `order.created`.")),
            ("event_id", text("`{aggregate_id}-{service}-{seq}`.")),
            ("occurred_at", text("When it was decided.").format(Some(date_time))),
            ("aggregate_id", text("The order.")),
            ("schema_version", text("Minors of a major only add members.")),
            ("payload", ObjectBuilder::new().description(Some("See `docs/events`."))),
        ];
        let object =
            ObjectBuilder::new().description(Some("An event's envelope, as it was stored."));
        properties
            .into_iter()
            .fold(object, |object, (name, schema)| object.property(name, schema).required(name))
            .examples([json!({
                "event_type": "order.confirmed",
                "event_id": "7212345678901-order-2",
                "occurred_at": "2026-01-14T10:31:00.123Z",
                "aggregate_id": "7212345678901",
                "schema_version": "1.0",
                "payload": {},
            })])
            .into()
    }
}
