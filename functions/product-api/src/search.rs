//! `GET /v1/search`: products by what they say.

use axum::{Json, Router, extract::State, routing::get};
use lmall_app::ports::Wanted;
use lmall_domain::catalogue::CategoryPath;
use lmall_web::{
    ApiQuery, Page, PageQuery, Problem,
    openapi::QueryRefused,
    page::{decode_cursor, encode_cursor, foreign_cursor},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    products::{Product, shown_by_sku},
    shop::Shop,
};

/// Characters of the longest text that is looked for: nobody types more.
const TEXT_LEN_MAX: usize = 200;

/// Products that one search gives out, over all pages: the next ones nobody reads, and each page
/// costs as much as all before it.
const FOUND_MAX: usize = 1_000;

/// The query of a search.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Words, each of which has to be found; no text is an error but one over 200 characters.
    #[serde(default)]
    #[param(max_length = 200, example = "green tea")]
    q: String,
    /// Only what is in this category, or below it.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "food/tea")]
    category: Option<CategoryPath>,
    /// How many products at most: 1 to 100, 20 if absent.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before; absent for the first page.
    #[serde(default)]
    #[param(max_length = 512)]
    cursor: Option<String>,
}

/// The routes of this group.
pub(crate) fn routes() -> Router<Shop> {
    Router::new().route("/v1/search", get(search))
}

/// Find products by their text, best first.
///
/// What was changed a second ago or earlier is found. Between two pages the catalogue may change.
#[utoipa::path(
    get,
    path = "/v1/search",
    operation_id = "search_products",
    tag = "catalogue",
    params(SearchQuery),
    responses(
        (status = 200, description = "a page of what was found, 1,000 products at most over all \
            pages", body = Page<Product>),
        (status = 422, description = "`/problems/validation`: the text, the category, the limit \
            or the cursor"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: also while there are more products \
            than can be searched"),
        QueryRefused,
    ),
)]
pub(crate) async fn search(
    State(shop): State<Shop>,
    ApiQuery(query): ApiQuery<SearchQuery>,
) -> Result<Json<Page<Product>>, Problem> {
    let SearchQuery { q: text, category, limit, cursor } = query;
    if text.chars().count() > TEXT_LEN_MAX {
        let detail = format!("must be at most {TEXT_LEN_MAX} characters");
        return Err(Problem::invalid().error("/q", detail));
    }
    let limit = PageQuery { limit, cursor: None }.limit()?;
    let offset = cursor.as_deref().map(place).transpose()?.unwrap_or(0);
    let limit = limit.min(FOUND_MAX.saturating_sub(offset).max(1));
    let found = shop.search.find(&Wanted { text, category, offset, limit }).await?;
    let next = offset + found.skus.len();
    let more = found.more && next < FOUND_MAX;
    let items = shown_by_sku(&shop, found.skus).await?;
    Ok(Json(Page { items, next_cursor: more.then(|| encode_cursor(&next.to_string())) }))
}

/// The place in a cursor.
fn place(cursor: &str) -> Result<usize, Problem> {
    let place = decode_cursor(cursor)?.parse().map_err(|_| foreign_cursor())?;
    if place < FOUND_MAX { Ok(place) } else { Err(foreign_cursor()) }
}
