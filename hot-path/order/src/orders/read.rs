//! `GET /v1/orders` and `GET /v1/orders/{id}`.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use lmall_app::row;
use lmall_domain::OrderId;
use lmall_web::{
    ApiPath, ApiQuery, Caller, CustomerId, Page, PageQuery, PreferWait, Problem,
    openapi::{CustomerRefused, Fault, QueryRefused},
    page::{decode_cursor, encode_cursor, foreign_cursor},
};

use super::{order::Order, visible_order, wait::preference_applied};
use crate::shop::Shop;

/// Read an order.
///
/// Only the customer who placed it, or an operator, sees it.
#[utoipa::path(
    get,
    path = "/v1/orders/{id}",
    operation_id = "get_order",
    tag = "orders",
    security(("customer" = []), ("operator" = [])),
    params(
        ("id" = String, Path, description = "the order's id", example = "7212345678901"),
        ("Prefer" = Option<String>, Header, nullable = false, example = "wait=2",
            description = "`wait=N`: answer once the order has another status, or after N \
                seconds, at most 10"),
    ),
    responses(
        (status = 200, description = "the order", body = Order, headers(
            ("Preference-Applied" = String, description = "`wait=N`, if it was honored"),
        )),
        (status = 401, description = "`/problems/unauthenticated`: no customer, no operator token"),
        (status = 403, description = "`/problems/forbidden`: another operator token"),
        (status = 404, description = "`/problems/not-found`: unknown, or not yours"),
        Fault,
    ),
)]
pub(crate) async fn get(
    State(shop): State<Shop>,
    caller: Caller,
    ApiPath(id): ApiPath<OrderId>,
    PreferWait(wait): PreferWait,
) -> Result<Response, Problem> {
    let found = visible_order(&shop, &caller, id).await?;
    let order = match wait {
        Some(limit) => shop.orders.wait_for_status(found, limit).await?,
        None => found,
    };
    Ok((preference_applied(wait), Json(Order::from(order))).into_response())
}

/// List the caller's orders, newest first.
#[utoipa::path(
    get,
    path = "/v1/orders",
    operation_id = "list_orders",
    tag = "orders",
    security(("customer" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "a page of the caller's orders", body = Page<Order>),
        (status = 422, description = "`/problems/validation`: the limit or the cursor"),
        CustomerRefused, QueryRefused, Fault,
    ),
)]
pub(crate) async fn list(
    State(shop): State<Shop>,
    CustomerId(customer_id): CustomerId,
    ApiQuery(query): ApiQuery<PageQuery>,
) -> Result<Json<Page<Order>>, Problem> {
    let limit = query.limit()?;
    let after = query.cursor.as_deref().map(sort_key).transpose()?;
    let (orders, next) = shop.orders.of_customer(&customer_id, after, limit).await?;
    Ok(Json(Page {
        items: orders.into_iter().map(Order::from).collect(),
        next_cursor: next.as_deref().map(encode_cursor),
    }))
}

/// The sort key in a cursor: one that this list gave out, for any other would skip orders.
fn sort_key(cursor: &str) -> Result<String, Problem> {
    let key = decode_cursor(cursor)?;
    let id = key.trim_start_matches('0').parse::<OrderId>();
    id.ok().map(row::customer_sort).filter(|sort| *sort == key).ok_or_else(foreign_cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_place_of_an_order_is_a_cursor() {
        let place = row::customer_sort(OrderId::new(7_212_345_678_901).unwrap());
        assert_eq!(sort_key(&encode_cursor(&place)), Ok(place));
        for key in ["", "0", "7212345678901", "0000000000000000000", "tea-01"] {
            let refused =
                sort_key(&encode_cursor(key)).map_err(|problem| problem.body(None).errors);
            assert_eq!(refused.unwrap_err().first().unwrap().pointer, "/cursor", "{key}");
        }
    }
}
