//! Postal addresses, by what the customer calls them.

use axum::{Json, extract::State};
use http::StatusCode;
use lmall_domain::{
    customer::{self, Invalid},
    id::AddressId,
};
use lmall_web::{
    ApiJson, ApiPath, CustomerId as Caller, Problem,
    openapi::{BodyRefused, CustomerRefused, Fault},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::desk::{Desk, unchanged};

/// A postal address. Each text has 1 to 200 characters.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PostalAddress)]
pub(crate) struct Address {
    /// Who lives there.
    #[schema(min_length = 1, max_length = 200, example = "Ann Lee")]
    recipient: String,
    /// Street and number.
    #[schema(min_length = 1, max_length = 200, example = "1 Main Street")]
    line1: String,
    /// What else a carrier has to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 200)]
    line2: Option<String>,
    /// Where the country has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 200, example = "12345")]
    postal_code: Option<String>,
    /// City, town or village.
    #[schema(min_length = 1, max_length = 200, example = "Springfield")]
    city: String,
    /// State, province or county.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 200)]
    region: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(min_length = 2, max_length = 2, example = "US")]
    country: String,
}

/// An address, and what it is called.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NamedAddress)]
pub(crate) struct Named {
    /// What the customer calls it.
    #[schema(example = "home")]
    id: String,
    /// Where it is.
    address: Address,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Addresses)]
pub(crate) struct Addresses {
    items: Vec<Named>,
}

impl From<Address> for customer::Address {
    fn from(address: Address) -> Self {
        let Address { recipient, line1, line2, postal_code, city, region, country } = address;
        Self { recipient, line1, line2, postal_code, city, region, country }
    }
}

impl From<customer::Address> for Address {
    fn from(address: customer::Address) -> Self {
        let customer::Address { recipient, line1, line2, postal_code, city, region, country } =
            address;
        Self { recipient, line1, line2, postal_code, city, region, country }
    }
}

impl From<(String, customer::Address)> for Named {
    fn from((id, address): (String, customer::Address)) -> Self {
        Self { id, address: address.into() }
    }
}

/// List the addresses, by what they are called.
#[utoipa::path(
    get,
    path = "/v1/customers/me/addresses",
    operation_id = "list_addresses",
    tag = "me",
    security(("customer" = [])),
    responses(
        (status = 200, description = "all of them: 20 at most", body = Addresses),
        (status = 404, description = "`/problems/not-found`: there is no account"),
        CustomerRefused, Fault,
    ),
)]
pub(crate) async fn list(
    State(desk): State<Desk>,
    Caller(id): Caller,
) -> Result<Json<Addresses>, Problem> {
    let seen = desk.customers.see(&id).await.map_err(unchanged)?;
    Ok(Json(Addresses { items: seen.person.addresses.into_iter().map(Named::from).collect() }))
}

/// Put an address under a name of the customer's choice, in place of the one that was there.
#[utoipa::path(
    put,
    path = "/v1/customers/me/addresses/{id}",
    operation_id = "put_address",
    tag = "me",
    security(("customer" = [])),
    params(("id" = String, Path, description = "what the customer calls it: 1 to 32 letters, \
        digits, `_` and `-`", example = "home")),
    request_body = Address,
    responses(
        (status = 204, description = "it is there"),
        (status = 404, description = "`/problems/not-found`: there is no account, or the path has \
            no valid id"),
        (status = 409, description = "`/problems/too-many`: there are 20"),
        (status = 422, description = "`/problems/validation` names each place"),
        BodyRefused, CustomerRefused, Fault,
    ),
)]
pub(crate) async fn put(
    State(desk): State<Desk>,
    Caller(id): Caller,
    ApiPath(name): ApiPath<AddressId>,
    ApiJson(body): ApiJson<Address>,
) -> Result<StatusCode, Problem> {
    let invalid =
        |error: Invalid| Problem::invalid().error(format!("/{}", error.field), error.to_string());
    let address = customer::Address::from(body).checked().map_err(invalid)?;
    let put = desk.customers.change(&id, |customer| customer.with_address(&name, address.clone()));
    put.await.map_err(unchanged)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove an address. One that is not there is answered alike.
#[utoipa::path(
    delete,
    path = "/v1/customers/me/addresses/{id}",
    operation_id = "remove_address",
    tag = "me",
    security(("customer" = [])),
    params(("id" = String, Path, description = "what the customer calls it", example = "home")),
    responses(
        (status = 204, description = "it is not there"),
        (status = 404, description = "`/problems/not-found`: there is no account, or the path has \
            no valid id"),
        CustomerRefused, Fault,
    ),
)]
pub(crate) async fn remove(
    State(desk): State<Desk>,
    Caller(id): Caller,
    ApiPath(name): ApiPath<AddressId>,
) -> Result<StatusCode, Problem> {
    let removed = desk.customers.change(&id, |customer| {
        customer.changed(|person| {
            person.addresses.remove(name.as_str());
            Ok(())
        })
    });
    removed.await.map_err(unchanged)?;
    Ok(StatusCode::NO_CONTENT)
}
