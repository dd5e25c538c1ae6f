//! The services of the hot path: each a process with a door, and a consumer of its queue.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    consumer::{self, Consumer, Options, Runtime},
    failure::Failure,
    ids::LeasedIds,
    shutdown,
};

use super::{Role, System, frail::Frail};
use crate::kernel::{Fault, Site, WORLD};

/// How consumers run on SQS. A long poll that is longer than SQS's 20 s shows nothing else and
/// costs less.
const CONSUMER: Options = Options {
    batch: 10,
    groups: 16,
    wait: Duration::from_secs(3_600),
    visibility: Duration::from_secs(30),
};

/// A process that died is there again after so long.
const BOOT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// How often a service may fall ill, and for how long.
const OUTAGE_EVERY: Duration = Duration::from_secs(300);
const OUTAGE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(2_400));

/// How often somebody thinks of a new version.
const DEPLOY_EVERY: Duration = Duration::from_secs(600);

/// Starts a process of that role.
pub(super) fn boot(system: &Arc<System>, role: Role, site: Site) {
    let (kernel, process) = (system.kernel.clone(), site.process);
    kernel.spawn(process, Box::pin(serve(Arc::clone(system), role, site)));
}

/// Starts again what died, some seconds later.
pub(super) async fn supervise(system: Arc<System>) {
    let kernel = &system.kernel;
    loop {
        let process = kernel.next_crash().await;
        let role = system.roles.lock().get(&process).copied();
        let Some(role) = role else { continue };
        system.doors.close(process);
        kernel.spawn(WORLD, Box::pin(boot_soon(Arc::clone(&system), role, kernel.site(process))));
    }
}

async fn boot_soon(system: Arc<System>, role: Role, site: Site) {
    let (from, to) = BOOT;
    system.kernel.sleep(system.kernel.between(from, to)).await;
    boot(&system, role, site);
}

/// Now and then a whole service is away.
pub(super) async fn fall_ill(system: Arc<System>) {
    let kernel = &system.kernel;
    loop {
        kernel.sleep(OUTAGE_EVERY).await;
        for role in [Role::Order, Role::Inventory, Role::Payment, Role::Product] {
            if kernel.strikes(Fault::Outage) {
                let (from, to) = OUTAGE;
                let pause = kernel.between(from, to);
                let roles = system.roles.lock();
                let its = roles.iter().filter(|(_, its)| **its == role);
                its.for_each(|(process, _)| kernel.freeze(*process, pause));
                kernel.note(WORLD, || format!("{role:?} is away, {} s", pause.as_secs()));
            }
        }
    }
}

async fn serve(system: Arc<System>, role: Role, site: Site) {
    let (trigger, stop) = shutdown::channel();
    let consumer: Arc<dyn Consumer> = match role {
        Role::Order => {
            let ids = loop {
                match lease(&system, &site).await {
                    Ok(ids) => break Arc::new(ids),
                    Err(_) => system.kernel.sleep(Duration::from_secs(1)).await,
                }
            };
            let orders = system.orders(&site, ids.clone());
            while orders.prepare().await.is_err() {
                system.kernel.sleep(Duration::from_secs(1)).await;
            }
            let keep = stop.clone();
            system.kernel.spawn(site.process, Box::pin(async move { ids.keep(keep).await }));
            system.doors.open_orders(&site, orders.clone());
            Arc::new(orders)
        }
        Role::Inventory => {
            let inventory = system.inventory(&site);
            system.doors.open_inventory(&site, inventory.clone());
            Arc::new(inventory)
        }
        Role::Payment => {
            let payments = system.payments(&site);
            system.doors.open_payments(&site, payments.clone());
            Arc::new(payments)
        }
        Role::Product => Arc::new(system.catalogue(&site)),
    };
    let runtime = Runtime {
        bus: system.bus_port(&site),
        clock: Arc::new(site.clock()),
        spawn: Arc::new(site.clone()),
    };
    let (system_then, site_then) = (Arc::clone(&system), site.clone());
    let deploy = async move { deployed(&system_then, &site_then, &trigger).await };
    system.kernel.spawn(site.process, Box::pin(deploy));
    let frail = Frail { system: Arc::clone(&system), site: site.clone(), inner: consumer };
    consumer::run(Arc::new(frail), runtime, CONSUMER, stop).await;
    // Long enough for the lease to be given back; then the process ends, and the next begins.
    system.kernel.sleep(Duration::from_secs(5)).await;
    system.kernel.crash(site.process);
}

/// Returns when the service has been told to stop. No request comes in from then on.
async fn deployed(system: &System, site: &Site, trigger: &shutdown::Trigger) {
    loop {
        system.kernel.sleep(DEPLOY_EVERY).await;
        if system.kernel.strikes(Fault::Deploy) {
            site.note(|| "is told to stop".to_owned());
            system.doors.close(site.process);
            trigger.fire();
            return;
        }
    }
}

async fn lease(system: &System, site: &Site) -> Result<LeasedIds, Failure> {
    LeasedIds::acquire(system.store_port(site), Arc::new(site.clock())).await
}
