//! What a customer would rather have.

use axum::{Json, extract::State};
use lmall_domain::{
    customer::{self, Invalid},
    money::Currency,
};
use lmall_web::{
    ApiJson, CustomerId as Caller, Problem,
    openapi::{BodyRefused, CustomerRefused, Fault},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::{Desk, unchanged};

/// What a customer would rather have; what is absent is up to the shop.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Preferences)]
pub(crate) struct Preferences {
    /// The language to be written to in: a tag of BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 35, example = "en")]
    language: Option<String>,
    /// The currency that prices are shown in: ISO 4217.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "EUR")]
    currency: Option<Currency>,
    /// Whether they want to hear of offers.
    #[serde(default)]
    newsletter: bool,
}

impl From<Preferences> for customer::Preferences {
    fn from(Preferences { language, currency, newsletter }: Preferences) -> Self {
        Self { language, currency, newsletter }
    }
}

impl From<customer::Preferences> for Preferences {
    fn from(
        customer::Preferences { language, currency, newsletter }: customer::Preferences,
    ) -> Self {
        Self { language, currency, newsletter }
    }
}

/// Read the preferences.
#[utoipa::path(
    get,
    path = "/v1/customers/me/preferences",
    operation_id = "get_preferences",
    tag = "me",
    security(("customer" = [])),
    responses(
        (status = 200, description = "the preferences", body = Preferences),
        (status = 404, description = "`/problems/not-found`: there is no account"),
        CustomerRefused, Fault,
    ),
)]
pub(crate) async fn read(
    State(desk): State<Desk>,
    Caller(id): Caller,
) -> Result<Json<Preferences>, Problem> {
    let seen = desk.customers.see(&id).await.map_err(unchanged)?;
    Ok(Json(seen.person.preferences.into()))
}

/// Replace the preferences.
#[utoipa::path(
    put,
    path = "/v1/customers/me/preferences",
    operation_id = "put_preferences",
    tag = "me",
    security(("customer" = [])),
    request_body = Preferences,
    responses(
        (status = 200, description = "the preferences, as they are then", body = Preferences),
        (status = 404, description = "`/problems/not-found`: there is no account"),
        (status = 422, description = "`/problems/validation` names each place"),
        BodyRefused, CustomerRefused, Fault,
    ),
)]
pub(crate) async fn put(
    State(desk): State<Desk>,
    Caller(id): Caller,
    ApiJson(body): ApiJson<Preferences>,
) -> Result<Json<Preferences>, Problem> {
    let invalid =
        |error: Invalid| Problem::invalid().error(format!("/{}", error.field), error.to_string());
    let preferences = customer::Preferences::from(body).checked().map_err(invalid)?;
    let changed = desk.customers.change(&id, |customer| {
        customer.changed(|person| {
            person.preferences = preferences.clone();
            Ok(())
        })
    });
    Ok(Json(changed.await.map_err(unchanged)?.person.preferences.into()))
}
