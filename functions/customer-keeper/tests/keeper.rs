//! The keeper on the embedded store.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    Trace,
    customer::{
        COST_MIN, Customers, Keys, MailKey, OrderOf, OrdersOf, Parts as CustomerParts, Passwords,
        Stranger,
    },
    failure::Failure,
    ports::{AccessTokens, Clock, RevocationError, Revocations, SignError, Store},
};
use lmall_customer_keeper::{Kept, KeySafe, Nobody, Parts, handle};
use lmall_domain::{
    CustomerId, Timestamp,
    customer::{
        Email, Identity,
        token::{Claims, ISSUER},
    },
    id::SessionId,
};
use lmall_embedded::Embedded;
use lmall_lambda::FunctionError;
use lmall_runtime::{SystemChance, SystemClock};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;

const NONE_GONE: Kept = Kept { gone: 0, rotated: false };

/// A safe in memory.
#[derive(Clone, Default)]
struct Pocket(Arc<Mutex<Option<String>>>);

#[async_trait]
impl KeySafe for Pocket {
    async fn read(&self) -> Result<Option<String>, Failure> {
        Ok(self.0.lock().clone())
    }

    async fn replace(&self, keys: &str) -> Result<(), Failure> {
        *self.0.lock() = Some(keys.to_owned());
        Ok(())
    }
}

/// Revocations that may be away.
#[derive(Default)]
struct Ended(AtomicBool);

#[async_trait]
impl Revocations for Ended {
    async fn revoke(&self, _: &SessionId, _: Timestamp) -> Result<(), RevocationError> {
        if self.0.load(Ordering::SeqCst) { Err(RevocationError("away".into())) } else { Ok(()) }
    }

    async fn is_revoked(&self, _: &SessionId) -> Result<bool, RevocationError> {
        Ok(false)
    }
}

struct NoOrders;

#[async_trait]
impl OrdersOf for NoOrders {
    async fn page(
        &self,
        _: &CustomerId,
        _: Option<String>,
    ) -> Result<(Vec<OrderOf>, Option<String>), Failure> {
        Ok((Vec::new(), None))
    }
}

struct World {
    /// The user service.
    customers: Customers,
    revocations: Arc<Ended>,
    safe: Pocket,
    keeper: Parts,
    _embedded: Embedded,
    _dir: TempDir,
}

/// A shop whose keys are so old.
fn world(age: Duration) -> World {
    let dir = TempDir::new().expect("a temporary directory");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let embedded = Embedded::open(dir.path(), Arc::clone(&clock)).expect("a data directory");
    let store: Arc<dyn Store> = embedded.store();
    let (chance, revocations) = (Arc::new(SystemChance), Arc::<Ended>::default());
    let passwords = Arc::new(Passwords::new(COST_MIN, 1).expect("a good cost"));
    let parts = CustomerParts {
        store,
        clock: Arc::clone(&clock),
        chance: chance.clone(),
        passwords,
        tokens: Arc::new(Signer),
        revocations: revocations.clone(),
        mail_key: Arc::new(MailKey::new([0; 32])),
        orders: Arc::new(NoOrders),
        issuer: ISSUER.to_owned(),
    };
    let keeper =
        CustomerParts { tokens: Arc::new(Nobody), orders: Arc::new(Nobody), ..parts.clone() };
    let made_at = clock.now().as_millis() - i64::try_from(age.as_millis()).expect("it fits");
    let keys = Keys::made(&*chance, Timestamp::from_millis(made_at));
    let safe = Pocket(Arc::new(Mutex::new(Some(keys.to_json()))));
    let keeper =
        Parts { customers: Customers::new(keeper), safe: Box::new(safe.clone()), clock, chance };
    let customers = Customers::new(parts);
    World { customers, revocations, safe, keeper, _embedded: embedded, _dir: dir }
}

/// Signs nothing.
struct Signer;

impl AccessTokens for Signer {
    fn sign(&self, _: &Claims, _: Timestamp) -> Result<String, SignError> {
        Ok("unsigned".to_owned())
    }
}

impl World {
    async fn run(&self) -> Result<Kept, FunctionError> {
        handle(schedule(), &self.keeper).await
    }

    fn kids(&self) -> Vec<String> {
        let keys = self.safe.0.lock().clone().expect("there are keys");
        let keys = Keys::parse(&keys).expect("keys");
        keys.signing_keys().iter().map(|key| key.kid.clone()).collect()
    }
}

fn schedule() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let text = std::fs::read(path.join("customer-keeper-schedule.json")).expect("a sample");
    serde_json::from_slice(&text).expect("JSON")
}

fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

#[tokio::test]
async fn old_keys_get_a_successor_once() {
    let world = world(days(40));
    let before = world.kids();
    assert_eq!(world.run().await, Ok(Kept { gone: 0, rotated: true }));
    let after = world.kids();
    assert_eq!((after.len(), &after[0]), (2, &before[0]), "the old one signs on for an hour");
    assert_eq!(world.run().await, Ok(NONE_GONE));
    assert_eq!(world.kids(), after);
}

#[tokio::test]
async fn new_keys_and_missing_keys_are_left_alone() {
    let world = world(days(1));
    let before = world.kids();
    assert_eq!(world.run().await, Ok(NONE_GONE));
    assert_eq!(world.kids(), before);
    *world.safe.0.lock() = None;
    assert!(matches!(world.run().await, Err(FunctionError::BadSettings(_))));
    assert_eq!(*world.safe.0.lock(), None, "they may be somewhere");
}

#[tokio::test]
async fn who_was_leaving_when_all_broke_down_is_gone_after_the_next_run() {
    let world = world(days(1));
    let identity = Identity { provider: "mock".to_owned(), subject: "ann".to_owned() };
    let verified_email = Some(Email::normalised("ann@example.org"));
    let stranger = Stranger { identity, verified_email, name: None };
    let session = world.customers.log_in_from(&stranger).await.expect("a session");
    world.revocations.0.store(true, Ordering::SeqCst);
    let erased = world.customers.erase(&session.customer_id, &Trace::default()).await;
    assert!(erased.is_err(), "her sessions cannot be ended");
    // Whatever the keys are: that she goes does not depend on them.
    let keys = world.safe.0.lock().take();
    world.revocations.0.store(false, Ordering::SeqCst);
    assert!(world.run().await.is_err());
    *world.safe.0.lock() = keys;
    assert_eq!(world.run().await, Ok(NONE_GONE), "she went in the run before");
}

#[tokio::test]
async fn anything_but_a_schedule_is_refused() {
    let world = world(days(40));
    assert!(handle(json!({ "customer_id": "1" }), &world.keeper).await.is_err());
    assert_eq!(world.kids().len(), 1);
}
