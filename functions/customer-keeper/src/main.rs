//! Looks after what the user service leaves behind.

use std::sync::Arc;

use async_trait::async_trait;
use lmall_app::{
    customer::{COST_MIN, Customers, MailKey, Parts as CustomerParts, Passwords},
    failure::Failure,
    ports::Clock,
};
use lmall_aws::{Clients, Parameters};
use lmall_customer_keeper::{KeySafe, Nobody, Parts, handle};
use lmall_domain::customer::token::ISSUER;
use lmall_lambda::{Aws, FunctionError};
use lmall_runtime::SystemChance;

/// The keys, as the user service reads them.
const KEYS: &str = "customer-keys";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lmall_lambda::start(wire, handle).await
}

fn wire(aws: &Aws) -> Result<Parts, FunctionError> {
    let chance = Arc::new(SystemChance);
    let passwords = Passwords::new(COST_MIN, 1);
    let customers = Customers::new(CustomerParts {
        store: aws.store(),
        clock: Arc::clone(&aws.clock),
        chance: chance.clone(),
        passwords: Arc::new(passwords.map_err(|e| FunctionError::BadSettings(e.to_string()))?),
        tokens: Arc::new(Nobody),
        revocations: aws.revocations()?,
        mail_key: Arc::new(MailKey::new([0; 32])),
        orders: Arc::new(Nobody),
        issuer: ISSUER.to_owned(),
    });
    let clock = Arc::clone(&aws.clock);
    let safe = Box::new(Parameter { clients: aws.clients.clone(), clock: clock.clone() });
    Ok(Parts { customers, safe, clock, chance })
}

/// The keys in Parameter Store.
struct Parameter {
    clients: Clients,
    clock: Arc<dyn Clock>,
}

impl Parameter {
    /// Parameters that nothing is known of yet: what is replaced has to be the newest.
    fn fresh(&self) -> Parameters {
        Parameters::new(&self.clients, self.clock.clone())
    }
}

#[async_trait]
impl KeySafe for Parameter {
    async fn read(&self) -> Result<Option<String>, Failure> {
        let keys = self.fresh().get(KEYS).await;
        Ok(keys.map_err(|error| Failure::Unavailable(error.into()))?.map(|keys| keys.to_string()))
    }

    async fn replace(&self, keys: &str) -> Result<(), Failure> {
        let replaced = self.fresh().replace(KEYS, keys).await;
        replaced.map_err(|error| Failure::Unavailable(error.into()))
    }
}
