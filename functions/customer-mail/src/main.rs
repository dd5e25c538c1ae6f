//! Has the mails sent that the user service asks for.

use std::sync::Arc;

use lmall_app::{
    customer::{Keys, Mails},
    failure::chain,
};
use lmall_aws::{AwsBus, EventBridge, Parameters};
use lmall_customer_mail::{Parts, handle};
use lmall_lambda::{Aws, FunctionError};

/// The keys of the user service in Parameter Store.
const KEYS: &str = "customer-keys";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lmall_lambda::start_async(wire, handle).await
}

async fn wire(aws: &Aws) -> Result<Parts, FunctionError> {
    let bad = |what: String| FunctionError::BadSettings(what);
    let parameters = Parameters::new(&aws.clients, Arc::clone(&aws.clock));
    let json = parameters.get(KEYS).await;
    let json = json.map_err(|error| FunctionError::Unavailable(chain(&error)))?;
    let json = json.ok_or_else(|| bad(format!("the parameter {KEYS} is not there")))?;
    let keys = Keys::parse(&json).map_err(|error| bad(error.to_string()))?;
    let key = keys.mail_key().ok_or_else(|| bad("the key for mails".to_owned()))?;
    let mailer = Arc::new(EventBridge::new(&aws.clients));
    let (store, clock, key) = (aws.store(), Arc::clone(&aws.clock), Arc::new(key));
    let mails = Arc::new(Mails { store, clock, mailer, key });
    Ok(Parts { mails, bus: Arc::new(AwsBus::new(&aws.clients)) })
}
