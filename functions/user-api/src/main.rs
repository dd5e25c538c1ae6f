//! The user service behind a load balancer that only the gateway reaches.

mod secrets;

use std::{sync::Arc, thread};

use axum::{Router, middleware::from_fn};
use futures_util::future::BoxFuture;
use lmall_app::{
    customer::{COST, Customers, Parts, Passwords},
    ports::{Store, Table},
};
use lmall_aws::Parameters;
use lmall_domain::customer::token::ISSUER;
use lmall_lambda::{Aws, FunctionError};
use lmall_runtime::SystemChance;
use lmall_user_api::{KeyRing, OrderService};
use lmall_web::Metrics;

use secrets::Secrets;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lmall_lambda::serve(wire).await
}

async fn wire(aws: &Aws) -> Result<Router, FunctionError> {
    let secrets = Secrets::new(Parameters::new(&aws.clients, Arc::clone(&aws.clock)));
    let keys = secrets.keys().await?;
    let providers = secrets.identity_providers().await?;
    let bad = |what: String| FunctionError::BadSettings(what);
    let mail_key = keys.mail_key().ok_or_else(|| bad("the key for mails".to_owned()))?;
    let ring = KeyRing::new(keys).map_err(|error| bad(error.to_string()))?;
    let chance = Arc::new(SystemChance);
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    let passwords = Passwords::new(cost(aws)?, at_once);
    let orders = aws.setting("LMALL_ORDER_URL")?.parse();
    let orders = orders.map_err(|error| bad(format!("LMALL_ORDER_URL: {error}")))?;
    let customers = Customers::new(Parts {
        store: aws.store(),
        clock: Arc::clone(&aws.clock),
        chance,
        passwords: Arc::new(passwords.map_err(|error| bad(error.to_string()))?),
        tokens: Arc::new(ring.clone()),
        revocations: aws.revocations()?,
        mail_key: Arc::new(mail_key),
        orders: Arc::new(OrderService::new(orders)),
        issuer: aws.setting("LMALL_ISSUER").unwrap_or_else(|_| ISSUER.to_owned()),
    });
    let metrics = Metrics::new();
    let router = lmall_user_api::router(customers, ring.clone(), providers)
        .merge(lmall_web::health::routes(metrics.clone(), ready(aws.store())))
        .merge(lmall_web::openapi::route(lmall_user_api::openapi()));
    let router = lmall_web::finish(router, &metrics);
    // A key that is rotated is taken before the next request is answered.
    Ok(router
        .layer(from_fn(move |request, next| secrets.clone().renew(ring.clone(), request, next))))
}

fn cost(aws: &Aws) -> Result<u32, FunctionError> {
    let Ok(cost) = aws.setting("LMALL_BCRYPT_COST") else { return Ok(COST) };
    cost.parse().map_err(|_| FunctionError::BadSettings("LMALL_BCRYPT_COST".to_owned()))
}

fn ready(store: Arc<dyn Store>) -> impl Fn() -> BoxFuture<'static, Result<(), String>> + Clone {
    move || {
        let store = Arc::clone(&store);
        Box::pin(async move {
            let key = lmall_app::ports::Key::new(Table::Customer, "probe", "probe");
            let answer = store.get(&key).await;
            answer.map(drop).map_err(|error| lmall_app::failure::chain(&error))
        })
    }
}
