//! The product service's HTTP routes as a function, behind a load balancer that only the gateway
//! reaches.
//!
//! The index of the search is in memory, so the first search of each instance reads the whole
//! catalogue. The queue of the service has its consumer in `hot-path/product`.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use lmall_app::{
    catalogue::{Catalogue, ProductSearch},
    failure::chain,
};
use lmall_aws::Parameters;
use lmall_lambda::{Aws, FunctionError};
use lmall_product_api::{InventoryService, OrderService, PRODUCTS_MAX, Parts, TextIndex};
use lmall_web::{Metrics, OperatorToken, client::BaseUrl};

/// What operators show, in Parameter Store.
const OPERATOR_TOKEN: &str = "operator-token";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lmall_lambda::serve(wire).await
}

async fn wire(aws: &Aws) -> Result<Router, FunctionError> {
    let token = OperatorToken::new("");
    let parameters = Parameters::new(&aws.clients, Arc::clone(&aws.clock));
    let copies = OrderService::new(url(aws, "LMALL_ORDER_URL")?, token.clone());
    let catalogue = Catalogue::new(aws.store(), Arc::clone(&aws.clock), Arc::new(copies));
    let index = TextIndex::new().map_err(|error| FunctionError::Impossible(chain(&error)))?;
    let search = Arc::new(ProductSearch::new(catalogue.clone(), Arc::new(index), PRODUCTS_MAX));
    let availability = Arc::new(InventoryService::new(url(aws, "LMALL_INVENTORY_URL")?));
    let parts = Parts { catalogue, search, availability };
    let router = lmall_product_api::router(parts, token.clone())
        .merge(lmall_web::openapi::route(lmall_product_api::openapi()));
    let router = lmall_web::finish(router, &Metrics::new());
    Ok(router.layer(from_fn(move |request, next| {
        renewed(parameters.clone(), token.clone(), request, next)
    })))
}

/// Takes a token that was rotated, then answers. Nearly always that is a look into memory. While
/// there is no token, what it opens stays closed.
async fn renewed(
    parameters: Parameters,
    token: OperatorToken,
    request: Request,
    next: Next,
) -> Response {
    match parameters.get(OPERATOR_TOKEN).await {
        Ok(Some(text)) => token.replace(text),
        Ok(None) => tracing::error!("there is no operator token"),
        Err(error) => {
            tracing::warn!(error = chain(&error), "the operator token cannot be read");
        }
    }
    next.run(request).await
}

fn url(aws: &Aws, name: &str) -> Result<BaseUrl, FunctionError> {
    let url = aws.setting(name)?.parse();
    url.map_err(|error| FunctionError::BadSettings(format!("{name}: {error}")))
}
