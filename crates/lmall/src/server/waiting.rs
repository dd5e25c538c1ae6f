//! The waiting rooms of flash sales, in this process.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use lmall_app::{
    Changeset,
    failure::{Failure, chain},
    ports::{Admissions, Store, WaitingRooms},
    row,
    shutdown::Shutdown,
    waiting::{AdmissionKeys, Doorman, Load, ROUND},
};
use lmall_embedded::{Clerk, LocalRooms};
use lmall_gateway::waiting::Hall;
use lmall_runtime::{SystemClock, Tasks};

use super::{
    config::{Config, random_hex},
    wiring::Shop,
};

/// The pause after a round in which something did not answer.
const TROUBLE_PAUSE: Duration = Duration::from_secs(1);

/// The rooms, and who looks after them.
pub(super) struct Waiting {
    hall: Hall,
    clerk: Clerk,
    doorman: Doorman,
    clock: Arc<SystemClock>,
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
        let hall = Hall::new(rooms, orders, keys, clock.clone(), load, stop);
        Ok(Self { hall, clerk, doorman, clock })
    }

    /// Lets everybody to work; gives what the routes need.
    pub(super) fn start(self, tasks: &mut Tasks) -> Hall {
        let Self { hall, clerk, doorman, clock } = self;
        tasks.spawn(clerk.run(tasks.stop()));
        let mut stop = tasks.stop();
        tasks.spawn(async move {
            let mut pause = ROUND;
            while stop.pause(&*clock, pause).await {
                pause = ROUND;
                if let Err(failure) = doorman.round().await
                    && !stop.is_fired()
                {
                    let error = chain(&failure);
                    tracing::warn!(error, "the waiting rooms were not looked after");
                    pause = TROUBLE_PAUSE;
                }
            }
        });
        hall
    }
}

/// What signs admissions: what was given, or else what was made at the first start. A token
/// outlives the process that gave it.
///
/// # Errors
/// When the store does not answer, or what it has is no key.
pub(super) async fn keys(store: &dyn Store, config: &Config) -> anyhow::Result<Arc<AdmissionKeys>> {
    if let Some(keys) = &config.admission_keys {
        return Ok(Arc::new(keys.clone()));
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
    Ok(Arc::new(AdmissionKeys::parse(&text).context("the stored admission keys")?))
}
