//! The account, and what happened to it.

use axum::{Json, extract::State};
use lmall_app::customer::{self, Deed, Seen};
use lmall_domain::{
    CustomerId, Timestamp,
    customer::{Invalid, checked_name},
};
use lmall_web::{
    ApiJson, ApiQuery, CustomerId as Caller, Page, PageQuery, Problem,
    openapi::{BodyRefused, CustomerRefused, Fault},
    page::{decode_cursor, encode_cursor, foreign_cursor},
};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::desk::{Desk, unchanged};

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct Account {
    /// Its id.
    #[schema(value_type = String, example = "cus_0f1e2d3c4b5a69788796a5b4c3d2e1f0")]
    id: CustomerId,
    /// Where mail goes.
    #[schema(example = "ann@example.org")]
    email: String,
    /// Addresses that came with accounts that were merged into this one.
    other_emails: Vec<String>,
    /// When the address was proved to be theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    email_verified_at: Option<Timestamp>,
    /// What they are called.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Ann Lee")]
    name: Option<String>,
    /// Whether there is a password.
    has_password: bool,
    /// The identity providers that they may come from.
    identity_providers: Vec<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// What is to be changed; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountChange)]
pub(crate) struct Change {
    /// What they are called; null for nothing.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    name: Option<Option<String>>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Activity)]
pub(crate) struct Activity {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What.
    #[schema(value_type = String, example = "logged_in")]
    deed: Deed,
}

impl From<Seen> for Account {
    fn from(seen: Seen) -> Self {
        let Seen { id, person, created_at } = seen;
        let mut emails = person.emails.iter().map(|email| email.as_str().to_owned());
        Self {
            id,
            email: emails.next().unwrap_or_default(),
            other_emails: emails.collect(),
            email_verified_at: person.verified_at,
            name: person.name,
            has_password: person.password.is_some(),
            identity_providers: person.identities.into_iter().map(|one| one.provider).collect(),
            created_at,
        }
    }
}

impl From<customer::Activity> for Activity {
    fn from(customer::Activity { at, deed }: customer::Activity) -> Self {
        Self { at, deed }
    }
}

/// Tells a member that is null from one that is absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Read the account.
#[utoipa::path(
    get,
    path = "/v1/customers/me",
    operation_id = "get_account",
    tag = "me",
    security(("customer" = [])),
    responses(
        (status = 200, description = "the account", body = Account),
        (status = 404, description = "`/problems/not-found`: there is no account"),
        CustomerRefused, Fault,
    ),
)]
pub(crate) async fn read(
    State(desk): State<Desk>,
    Caller(id): Caller,
) -> Result<Json<Account>, Problem> {
    Ok(Json(desk.customers.see(&id).await.map_err(unchanged)?.into()))
}

/// Change the account.
#[utoipa::path(
    patch,
    path = "/v1/customers/me",
    operation_id = "change_account",
    tag = "me",
    security(("customer" = [])),
    request_body = Change,
    responses(
        (status = 200, description = "the account, as it is then", body = Account),
        (status = 404, description = "`/problems/not-found`: there is no account"),
        (status = 422, description = "`/problems/validation` names each place"),
        BodyRefused, CustomerRefused, Fault,
    ),
)]
pub(crate) async fn change(
    State(desk): State<Desk>,
    Caller(id): Caller,
    ApiJson(body): ApiJson<Change>,
) -> Result<Json<Account>, Problem> {
    let invalid = |error: Invalid| Problem::invalid().error("/name", error.to_string());
    let name = match body.name {
        Some(name) => Some(name.map(checked_name).transpose().map_err(invalid)?),
        None => None,
    };
    let changed = desk.customers.change(&id, |customer| {
        customer.changed(|person| {
            if let Some(name) = &name {
                person.name.clone_from(name);
            }
            Ok(())
        })
    });
    Ok(Json(changed.await.map_err(unchanged)?.into()))
}

/// List what happened to the account, newest first. Kept for 180 days.
#[utoipa::path(
    get,
    path = "/v1/customers/me/activities",
    operation_id = "list_activities",
    tag = "me",
    security(("customer" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "a page", body = Page<Activity>),
        (status = 400, description = "`/problems/malformed`: the query is ill-encoded"),
        (status = 422, description = "`/problems/validation` names each place"),
        CustomerRefused, Fault,
    ),
)]
pub(crate) async fn activities(
    State(desk): State<Desk>,
    Caller(id): Caller,
    ApiQuery(query): ApiQuery<PageQuery>,
) -> Result<Json<Page<Activity>>, Problem> {
    let limit = query.limit()?;
    let after = query.cursor.as_deref().map(decode_cursor).transpose()?;
    if after.as_deref().is_some_and(|after| !after.starts_with("activity#")) {
        return Err(foreign_cursor());
    }
    let (found, next) = desk.customers.activities(&id, after, limit).await?;
    let items = found.into_iter().map(Activity::from).collect();
    Ok(Json(Page { items, next_cursor: next.as_deref().map(encode_cursor) }))
}
