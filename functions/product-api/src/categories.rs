//! `/v1/categories`: the tree that products are found in.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, put as put_method},
};
use http::{StatusCode, header};
use lmall_app::catalogue;
use lmall_domain::{catalogue::CategoryPath, limits::PRODUCT_NAME_MAX};
use lmall_web::{
    ApiJson, ApiPath, ApiQuery, Operator, Page, PageQuery, Problem,
    openapi::{BodyRefused, Fault, OperatorRefused, QueryRefused},
    page::{decode_cursor, encode_cursor, foreign_cursor},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::shop::Shop;

/// A category.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Category {
    /// Its place in the tree.
    #[schema(value_type = String, example = "food/tea")]
    path: CategoryPath,
    /// What people call it.
    #[schema(example = "Tea")]
    name: String,
}

/// What the operator says of a category.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PutCategory)]
pub(crate) struct Naming {
    /// What people call it: 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, example = "Tea")]
    name: String,
}

/// The routes of this group.
pub(crate) fn routes() -> Router<Shop> {
    Router::new()
        .route("/v1/categories", get(list))
        .route("/v1/categories/{*path}", put_method(put))
}

/// List the categories by path: each after the one that it is in.
#[utoipa::path(
    get,
    path = "/v1/categories",
    operation_id = "list_categories",
    tag = "catalogue",
    params(PageQuery),
    responses(
        (status = 200, description = "a page of the categories", body = Page<Category>),
        (status = 422, description = "`/problems/validation`: the limit or the cursor"),
        QueryRefused, Fault,
    ),
)]
pub(crate) async fn list(
    State(shop): State<Shop>,
    ApiQuery(query): ApiQuery<PageQuery>,
) -> Result<Json<Page<Category>>, Problem> {
    let limit = query.limit()?;
    let after = query.cursor.as_deref().map(sort_key).transpose()?;
    let (categories, next) = shop.catalogue.categories(after, limit).await?;
    let items = categories.into_iter().map(Category::from).collect();
    Ok(Json(Page { items, next_cursor: next.as_deref().map(encode_cursor) }))
}

/// Create or rename a category.
///
/// The one that it is in has to be there.
#[utoipa::path(
    put,
    path = "/v1/categories/{path}",
    operation_id = "put_category",
    tag = "catalogue",
    security(("operator" = [])),
    params(("path" = String, Path, example = "food/tea",
        description = "1 to 5 names with `/` between them; a name is 1 to 40 small letters, digits \
            and hyphens")),
    request_body = Naming,
    responses(
        (status = 200, description = "the category, renamed", body = Category),
        (status = 201, description = "the category, new", body = Category,
            headers(("Location" = String, description = "the path of the category"))),
        (status = 404, description = "`/problems/not-found`: the path is none of a category"),
        (status = 409, description = "`/problems/no-parent`: the category that it is in is not \
            there"),
        (status = 422, description = "`/problems/validation`: the name"),
        BodyRefused, OperatorRefused, Fault,
    ),
)]
pub(crate) async fn put(
    State(shop): State<Shop>,
    _: Operator,
    ApiPath(path): ApiPath<CategoryPath>,
    ApiJson(body): ApiJson<Naming>,
) -> Result<Response, Problem> {
    let name = body.name;
    if name.trim().is_empty() || name.chars().count() > PRODUCT_NAME_MAX {
        let detail = format!("a name has 1 to {PRODUCT_NAME_MAX} characters");
        return Err(Problem::invalid().error("/name", detail));
    }
    let category = catalogue::Category { path, name };
    let location = [(header::LOCATION, format!("/v1/categories/{}", category.path))];
    match shop.catalogue.put_category(&category).await? {
        Some(true) => {
            let answer = Json(Category::from(category));
            Ok((StatusCode::CREATED, location, answer).into_response())
        }
        Some(false) => Ok(Json(Category::from(category)).into_response()),
        None => Err(Problem::new(
            StatusCode::CONFLICT,
            "no-parent",
            "The category that it is in is not there",
        )),
    }
}

impl From<catalogue::Category> for Category {
    fn from(category: catalogue::Category) -> Self {
        let catalogue::Category { path, name } = category;
        Self { path, name }
    }
}

/// The path in a cursor.
fn sort_key(cursor: &str) -> Result<String, Problem> {
    let key = decode_cursor(cursor)?;
    key.parse::<CategoryPath>().map(|_| key).map_err(|_| foreign_cursor())
}
