//! The waiting rooms of flash sales, in this process.

use std::sync::Arc;

use anyhow::Context;
use lmall_app::{
    Changeset,
    failure::Failure,
    ports::{Admissions, Store, WaitingRooms},
    row,
    shutdown::Shutdown,
    waiting::{AdmissionKeys, Doorman, Load},
};
use lmall_embedded::{Clerk, LocalRooms};
use lmall_gateway::waiting::Hall;
use lmall_runtime::Tasks;

use super::{
    config::{Config, random_hex},
    wiring::Shop,
};

/// The rooms, and who looks after them.
pub(super) struct Waiting {
    hall: Hall,
    clerk: Clerk,
    doorman: Doorman,
}

impl Waiting {
    /// The rooms as the last process left them; streams end at `stop`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(super) async fn build(shop: &Shop, stop: Shutdown) -> Result<Self, Failure> {
        let clock = shop.clock.clone();
        let (rooms, clerk) = LocalRooms::load(shop.store.clone(), clock.clone()).await?;
        let rooms: Arc<dyn WaitingRooms> = Arc::new(rooms);
        let orders: Arc<dyn Admissions> = Arc::new(shop.orders.clone());
        let load = Arc::new(Load::default());
        let doorman = Doorman::new(rooms.clone(), orders.clone(), clock.clone(), Arc::clone(&load));
        let keys = shop.admission_keys.clone();
        let hall = Hall::new(rooms, orders, keys, clock, load, stop);
        Ok(Self { hall, clerk, doorman })
    }

    /// Lets everybody to work; gives what the routes need.
    pub(super) fn start(self, tasks: &mut Tasks) -> Hall {
        let Self { hall, clerk, doorman } = self;
        tasks.spawn(clerk.run(tasks.stop()));
        tasks.spawn(doorman.run(tasks.stop()));
        hall
    }
}

/// What signs admissions: what was given, or else what was made at the first start. A token
/// outlives the process that gave it.
///
/// # Errors
/// When the store does not answer, or what it has is no key.
pub(super) async fn keys(store: &dyn Store, config: &Config) -> anyhow::Result<AdmissionKeys> {
    if let Some(keys) = &config.admission_keys {
        return Ok(keys.clone());
    }
    let key = row::admission_keys_key();
    let stored = store.get(&key).await?.as_ref().map(row::decode::<String>).transpose()?;
    let text = match stored {
        Some(text) => text.value,
        None => {
            let text = format!("a:{}", random_hex());
            store.commit(Changeset::new().put(row::plain(key, &text), 0)).await?;
            text
        }
    };
    AdmissionKeys::parse(&text).context("the stored admission keys")
}
