//! The user service on this machine: its keys, and what it asks of the others.

use std::{path::Path, sync::Arc, thread};

use anyhow::Context;
use async_trait::async_trait;
use lmall_app::{
    customer::{self, Customers, Keys, Mails, OrderOf, OrdersOf, Passwords, StoredRevocations},
    failure::Failure,
    order::Orders,
    ports::{Chance, Clock},
};
use lmall_domain::CustomerId;
use lmall_embedded::{KeyFile, PrintedMails, SqliteStore};
use lmall_runtime::{SystemChance, SystemClock};
use lmall_user_api::KeyRing;

use super::config::Config;

/// Orders read in one query.
const PAGE: usize = 100;

/// The keys of the user service, and where they are kept.
#[derive(Clone)]
pub(super) struct CustomerKeys {
    file: KeyFile,
    pub(super) ring: KeyRing,
    clock: Arc<SystemClock>,
}

impl CustomerKeys {
    /// Those in the data directory, or new ones.
    ///
    /// # Errors
    /// When the file cannot be used, or not be written.
    pub(super) fn open(data: &Path, clock: Arc<SystemClock>) -> anyhow::Result<Self> {
        let file = KeyFile::of(data);
        let keys = match file.read()? {
            Some(json) => Keys::parse(&json)?,
            None => {
                let chance: &dyn Chance = &SystemChance;
                let keys = Keys::made(chance, clock.now());
                file.write(&keys.to_json()).context("the keys of the user service")?;
                keys
            }
        };
        Ok(Self { file, ring: KeyRing::new(keys)?, clock })
    }

    /// Makes the next signing key when it is time, and drops those that are over. It is used once
    /// it is durable. Gives how many times it did.
    pub(super) fn rotate(&self) -> Result<usize, Failure> {
        let Some(next) = self.ring.keys().rotated(&SystemChance, self.clock.now()) else {
            return Ok(0);
        };
        let away = |error: Box<dyn std::error::Error + Send + Sync>| Failure::Unavailable(error);
        self.file.write(&next.to_json()).map_err(|error| away(error.into()))?;
        self.ring.replace(next).map_err(|error| away(error.into()))?;
        Ok(1)
    }
}

/// Puts the user service together.
///
/// # Errors
/// When the cost of passwords or the keys cannot be used.
pub(super) fn build(
    store: &Arc<SqliteStore>,
    clock: &Arc<SystemClock>,
    keys: &CustomerKeys,
    orders: &Orders,
    config: &Config,
) -> anyhow::Result<Customers> {
    let chance = Arc::new(SystemChance);
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    let passwords = Passwords::new(config.bcrypt_cost, at_once)?;
    let mail_key = keys.ring.keys().mail_key().context("the key for mails")?;
    Ok(Customers::new(customer::Parts {
        store: store.clone(),
        clock: clock.clone(),
        chance,
        passwords: Arc::new(passwords),
        tokens: Arc::new(keys.ring.clone()),
        revocations: Arc::new(StoredRevocations::new(store.clone(), clock.clone())),
        mail_key: Arc::new(mail_key),
        orders: Arc::new(OrdersHere(orders.clone())),
        issuer: lmall_domain::customer::token::ISSUER.to_owned(),
    }))
}

/// Who sends the mails that the user service asks for.
///
/// # Errors
/// When the keys cannot be used.
pub(super) fn mails(
    store: &Arc<SqliteStore>,
    clock: &Arc<SystemClock>,
    keys: &CustomerKeys,
) -> anyhow::Result<Mails> {
    let key = keys.ring.keys().mail_key().context("the key for mails")?;
    let mailer = Arc::new(PrintedMails);
    Ok(Mails { store: store.clone(), clock: clock.clone(), mailer, key: Arc::new(key) })
}

/// The order service, in this process.
struct OrdersHere(Orders);

#[async_trait]
impl OrdersOf for OrdersHere {
    async fn page(
        &self,
        customer: &CustomerId,
        after: Option<String>,
    ) -> Result<(Vec<OrderOf>, Option<String>), Failure> {
        let (orders, next) = self.0.of_customer(customer, after, PAGE).await?;
        let shown = orders.into_iter().map(|order| OrderOf {
            is_open: order.value.status.is_open(),
            document: lmall_order::shown(order),
        });
        Ok((shown.collect(), next))
    }
}
