//! `/v1/products/{sku}/reviews`: what customers say of what they bought.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::StatusCode;
use lmall_app::catalogue::{ReviewError, ReviewWish};
use lmall_domain::{
    Sku, Timestamp,
    catalogue::{self, InvalidReview, Rating},
    limits::{REVIEW_AUTHOR_MAX, REVIEW_TEXT_MAX},
};
use lmall_web::{
    ApiJson, ApiPath, ApiQuery, CustomerId, PageQuery, Problem,
    openapi::{BodyRefused, CustomerRefused, Fault, QueryRefused},
    page::{decode_cursor, encode_cursor},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::shop::Shop;

/// What a customer says of a product. It does not say which customer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Review {
    /// How good it is, of five.
    #[schema(minimum = 1, maximum = 5, example = 4)]
    rating: u8,
    /// What the customer wants to be called.
    #[schema(example = "Anna")]
    author: String,
    /// Why; may be empty.
    text: String,
    /// When it was written, or replaced.
    #[schema(value_type = String, format = DateTime, example = "2026-01-14T10:30:00.123Z")]
    written_at: Timestamp,
}

/// How many reviews have how many stars.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stars {
    /// One star.
    one: i64,
    /// Two stars.
    two: i64,
    /// Three stars.
    three: i64,
    /// Four stars.
    four: i64,
    /// Five stars.
    five: i64,
}

/// A page of reviews, and the counts of all of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reviews {
    /// How many have how many stars.
    stars: Stars,
    /// Newest first.
    items: Vec<Review>,
    /// What to send as `cursor` for the next page; null when there is no more.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// What a customer wants to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PostReview)]
pub(crate) struct Saying {
    /// How good it is, of five.
    #[schema(minimum = 1, maximum = 5, example = 4)]
    rating: i64,
    /// What you want to be called in public: 1 to 60 characters.
    #[schema(min_length = 1, max_length = 60, example = "Anna")]
    author: String,
    /// Why: at most 2,000 characters.
    #[serde(default)]
    #[schema(max_length = 2000)]
    text: String,
}

// What the document says is what the domain says.
const _: () = assert!(REVIEW_AUTHOR_MAX == 60 && REVIEW_TEXT_MAX == 2_000);

/// The routes of this group.
pub(crate) fn routes() -> Router<Shop> {
    Router::new().route("/v1/products/{sku}/reviews", get(list).post(post))
}

/// List the reviews of a product, newest first.
#[utoipa::path(
    get,
    path = "/v1/products/{sku}/reviews",
    operation_id = "list_reviews",
    tag = "catalogue",
    params(("sku" = String, Path, description = "the product's SKU", example = "tea-01"), PageQuery),
    responses(
        (status = 200, description = "a page of reviews", body = Reviews),
        (status = 404, description = "`/problems/not-found`: the catalogue does not have it"),
        (status = 422, description = "`/problems/validation`: the limit or the cursor"),
        QueryRefused, Fault,
    ),
)]
pub(crate) async fn list(
    State(shop): State<Shop>,
    ApiPath(sku): ApiPath<Sku>,
    ApiQuery(query): ApiQuery<PageQuery>,
) -> Result<Json<Reviews>, Problem> {
    let limit = query.limit()?;
    let after = query.cursor.as_deref().map(decode_cursor).transpose()?;
    shop.reading.product(&sku).await?.ok_or_else(Problem::not_found)?;
    let (reviews, next) = shop.catalogue.reviews(&sku, after, limit).await?;
    let catalogue::Stars { one, two, three, four, five } = shop.catalogue.stars(&sku).await?;
    Ok(Json(Reviews {
        stars: Stars { one, two, three, four, five },
        items: reviews.into_iter().map(Review::from).collect(),
        next_cursor: next.as_deref().map(encode_cursor),
    }))
}

/// Review a product that you bought.
///
/// There is one review for each customer and product: a later one takes the place of an earlier
/// one.
#[utoipa::path(
    post,
    path = "/v1/products/{sku}/reviews",
    operation_id = "review_product",
    tag = "catalogue",
    security(("customer" = [])),
    params(("sku" = String, Path, description = "the product's SKU", example = "tea-01")),
    request_body = Saying,
    responses(
        (status = 200, description = "the review, in place of the one before", body = Review),
        (status = 201, description = "the review", body = Review),
        (status = 403, description = "`/problems/not-bought`: no confirmed order of yours has it"),
        (status = 404, description = "`/problems/not-found`: the path has no valid SKU"),
        (status = 422, description = "`/problems/validation` names the place"),
        BodyRefused, CustomerRefused, Fault,
    ),
)]
pub(crate) async fn post(
    State(shop): State<Shop>,
    CustomerId(customer_id): CustomerId,
    ApiPath(sku): ApiPath<Sku>,
    ApiJson(body): ApiJson<Saying>,
) -> Result<Response, Problem> {
    let rating = Rating::new(body.rating).map_err(invalid)?;
    let Saying { author, text, .. } = body;
    let wish = ReviewWish { sku, customer_id, author, rating, text };
    match shop.catalogue.review(&wish).await {
        Ok((review, true)) => Ok((StatusCode::CREATED, Json(Review::from(review))).into_response()),
        Ok((review, false)) => Ok(Json(Review::from(review)).into_response()),
        Err(ReviewError::Invalid(error)) => Err(invalid(error)),
        Err(ReviewError::NotBought) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "not-bought",
            "Only who has bought a product may review it",
        )),
        Err(ReviewError::Failed(failure)) => Err(failure.into()),
    }
}

fn invalid(error: InvalidReview) -> Problem {
    let pointer = match error {
        InvalidReview::Rating => "/rating",
        InvalidReview::Author => "/author",
        InvalidReview::Text => "/text",
    };
    Problem::invalid().error(pointer, error.to_string())
}

impl From<catalogue::Review> for Review {
    fn from(review: catalogue::Review) -> Self {
        let catalogue::Review { author, rating, text, written_at, .. } = review;
        Self { rating: rating.stars(), author, text, written_at }
    }
}
