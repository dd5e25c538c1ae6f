//! The user service when its store fails at any moment: each command succeeds, succeeds when it
//! is repeated, and goes on after a crash between any two of its transactions.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    OutboxRow, Trace,
    consumer::{Consumer, Incoming},
    customer::{
        COST_MIN, Customers, EraseOutcome, Granted, MailKey, Mails, OrderOf, OrdersOf, Parts,
        Passwords, Proof, RefreshError, RefreshToken, StoredRevocations, Stranger,
    },
    failure::Failure,
    ports::{
        AccessTokens, Chance, Clock, Mail, MailError, Mailer, Revocations, Scan, SignError, Table,
    },
};
use lmall_domain::{
    CustomerId, Timestamp,
    customer::{Email, Identity, MailKind, token::Claims},
    limits,
};
use parking_lot::Mutex;

use super::support::{
    clock::TestClock,
    store::{Fault, MemStore},
};

const FAULTS: [Fault; 3] = [Fault::Unavailable, Fault::Unanswered, Fault::Lost];

/// More commits than any command takes.
const STEPS_MAX: usize = 16;

/// The same numbers in every run, and never one twice.
#[derive(Default)]
struct Counting(AtomicU64);

impl Chance for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.fill(0);
        for (byte, count) in bytes.iter_mut().zip(count.into_iter().rev()) {
            *byte = count;
        }
    }
}

/// Signs nothing: a token is its claims.
struct Unsigned;

impl AccessTokens for Unsigned {
    fn sign(&self, claims: &Claims, _now: Timestamp) -> Result<String, SignError> {
        Ok(serde_json::to_string(claims).expect("claims have a JSON form"))
    }
}

/// Nobody has orders.
struct NoOrders;

#[async_trait]
impl OrdersOf for NoOrders {
    async fn page(
        &self,
        _customer: &CustomerId,
        _after: Option<String>,
    ) -> Result<(Vec<OrderOf>, Option<String>), Failure> {
        Ok((Vec::new(), None))
    }
}

/// Keeps every mail.
#[derive(Default)]
struct Letters(Mutex<Vec<Mail>>);

#[async_trait]
impl Mailer for Letters {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.lock().push(mail.clone());
        Ok(())
    }
}

struct World {
    store: Arc<MemStore>,
    clock: Arc<TestClock>,
    customers: Customers,
}

impl World {
    fn new() -> Self {
        // The one hash that it begins with takes longer than all the rest.
        static PASSWORDS: OnceLock<Arc<Passwords>> = OnceLock::new();
        let (store, clock) = (Arc::new(MemStore::default()), Arc::new(TestClock::new()));
        let passwords =
            PASSWORDS.get_or_init(|| Arc::new(Passwords::new(COST_MIN, 1).expect("a good cost")));
        let customers = Customers::new(Parts {
            store: store.clone(),
            clock: clock.clone(),
            chance: Arc::new(Counting::default()),
            passwords: Arc::clone(passwords),
            tokens: Arc::new(Unsigned),
            revocations: Arc::new(StoredRevocations::new(store.clone(), clock.clone())),
            mail_key: Arc::new(MailKey::new([7; 32])),
            orders: Arc::new(NoOrders),
            issuer: "lmall".to_owned(),
        });
        Self { store, clock, customers }
    }

    /// Somebody comes from a provider: that takes no hash.
    async fn come(&self, name: &str) -> Granted {
        self.customers.log_in_from(&stranger(name)).await.expect("a session")
    }

    /// Every row of the table, and what it says.
    async fn rows(&self) -> Vec<String> {
        let rows = self.store.scan(Table::Customer, None, 10_000).await.expect("rows");
        let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
        rows.iter()
            .map(|row| format!("{} {} {}", row.key.partition, row.key.sort, text(&row.body)))
            .collect()
    }

    async fn events(&self, event_type: &str) -> usize {
        let rows = self.rows().await;
        rows.iter().filter(|row| row.contains("outbox#") && row.contains(event_type)).count()
    }

    async fn is_revoked(&self, session: &Granted) -> bool {
        let revocations = StoredRevocations::new(self.store.clone(), self.clock.clone());
        revocations.is_revoked(&session.session_id).await.expect("an answer")
    }
}

fn stranger(name: &str) -> Stranger {
    Stranger {
        identity: Identity { provider: "mock".to_owned(), subject: name.to_owned() },
        verified_email: Some(Email::normalised(&format!("{name}@example.org"))),
        name: Some(format!("The {name}")),
    }
}

fn token(session: &Granted) -> RefreshToken {
    RefreshToken::parse(&session.refresh_token).expect("a token")
}

/// Runs the command in a fresh world for each moment and each way in which a commit can fail, at
/// most twice, and then the check.
async fn at_every_step<T>(
    prepare: impl AsyncFn(&World) -> T,
    command: impl AsyncFn(&World, &T) -> Result<(), String>,
    check: impl AsyncFn(&World, &T),
) {
    let mut failed = 0;
    for fault in FAULTS {
        for works in 0..STEPS_MAX {
            let world = World::new();
            let prepared = prepare(&world).await;
            world.store.fail_commit_after(works, fault);
            let first = command(&world, &prepared).await;
            let was_met = world.store.heal();
            failed += usize::from(was_met);
            if first.is_err() {
                assert!(was_met, "{first:?}");
                command(&world, &prepared)
                    .await
                    .unwrap_or_else(|error| panic!("{works} {fault:?}: {error}"));
            }
            check(&world, &prepared).await;
            // What is lost arrives when all is over, and must change nothing.
            world.store.land_lost();
            check(&world, &prepared).await;
            if !was_met {
                break;
            }
        }
    }
    assert!(failed >= FAULTS.len(), "every command commits something");
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_whatever_becomes_of_a_commit() {
    at_every_step(
        async |world| world.come("ann").await,
        async |world, session| {
            let next = world.customers.refresh(&token(session)).await.map_err(|e| e.to_string())?;
            // The successor that was told is good.
            world.customers.refresh(&token(&next)).await.map(drop).map_err(|e| format!("told {e}"))
        },
        async |world, session| {
            let sessions = world.customers.sessions(&session.customer_id).await.expect("sessions");
            assert!(sessions.iter().all(|session| session.closed.is_none()), "{sessions:?}");
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_logs_out_is_out_and_their_access_tokens_are_void() {
    at_every_step(
        async |world| world.come("ann").await,
        async |world, session| {
            world.customers.log_out(&token(session)).await.map_err(|error| error.to_string())
        },
        async |world, session| {
            assert!(world.customers.refresh(&token(session)).await.is_err());
            assert!(world.is_revoked(session).await);
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_from_a_provider_gets_one_account() {
    at_every_step(
        async |_| (),
        async |world, ()| {
            let came = world.customers.log_in_from(&stranger("ann")).await;
            came.map(drop).map_err(|error| error.to_string())
        },
        async |world, ()| {
            let rows = world.rows().await;
            let accounts = rows.iter().filter(|row| row.contains(" customer {")).count();
            assert_eq!(accounts, 1, "{rows:#?}");
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_who_was_erased() {
    at_every_step(
        async |world| {
            let session = world.come("ann").await;
            world.come("ann").await;
            session
        },
        async |world, session| {
            let erased = world.customers.erase(&session.customer_id, &Trace::default()).await;
            assert!(matches!(erased, Ok(EraseOutcome::Erased) | Err(_)), "nothing is open");
            erased.map(drop).map_err(|error| error.to_string())
        },
        async |world, session| {
            let rows = world.rows().await;
            for personal in ["ann", "session#", "activity#"] {
                let left: Vec<_> = rows.iter().filter(|row| row.contains(personal)).collect();
                assert!(left.is_empty(), "{left:#?}");
            }
            assert_eq!(world.events("customer.erased").await, 1);
            assert!(world.is_revoked(session).await);
            // That all is wiped may not be noted yet; the next run does.
            world.customers.finish_leaving().await.expect("the rest is done");
            assert_eq!(world.customers.finish_leaving().await.expect("nothing to do"), 0);
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_leaves_is_wiped_by_the_next_run_if_nobody_asks_again() {
    for works in 1..STEPS_MAX {
        let world = World::new();
        let session = world.come("ann").await;
        world.store.fail_commit_after(works, Fault::Unavailable);
        let first = world.customers.erase(&session.customer_id, &Trace::default()).await;
        if !world.store.heal() {
            assert!(works > 2, "there are some steps");
            return;
        }
        assert!(first.is_err());
        assert_eq!(world.customers.finish_leaving().await.expect("the rest is done"), 1);
        let rows = world.rows().await;
        assert!(!rows.iter().any(|row| row.contains("activity#")), "{rows:#?}");
        assert_eq!(world.customers.finish_leaving().await.expect("nothing to do"), 0);
    }
    panic!("an erasure has fewer steps");
}

#[tokio::test(start_paused = true)]
async fn two_accounts_become_one_once() {
    at_every_step(
        async |world| [world.come("ann").await, world.come("bob").await],
        async |world, [from, into]| {
            let proof = Proof::Session(token(from));
            let merged = world.customers.merge(&into.customer_id, &proof, &Trace::default()).await;
            merged.map(drop).map_err(|error| error.to_string())
        },
        async |world, [from, into]| {
            let rows = world.rows().await;
            let of_from = format!("customer#{} ", from.customer_id);
            let left = rows.iter().filter(|row| row.starts_with(&of_from));
            let left: Vec<_> = left.filter(|row| !row.contains("outbox#")).collect();
            assert_eq!(left.len(), 1, "a tombstone: {left:#?}");
            assert_eq!(world.events("customer.merged").await, 1);
            assert!(world.is_revoked(from).await && !world.is_revoked(into).await);
            let again = world.come("ann").await;
            assert_eq!(again.customer_id, into.customer_id, "the identity leads to who stays");
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_mail_is_sent_before_it_is_noted_and_not_again_after() {
    let world = World::new();
    world.come("ann").await;
    let email = Email::normalised("ann@example.org");
    let purpose = MailKind::ResetPassword;
    let asked = world.customers.request_mail(&email, purpose, None, &Trace::default()).await;
    asked.expect("it is asked for");
    let rows = world.store.scan(Table::Customer, None, 1_000).await.expect("rows");
    let outbox = rows.iter().find(|row| row.key.sort.starts_with("outbox#")).expect("an event");
    let (outbox, _) = OutboxRow::from_body(&outbox.body).expect("an outbox row");
    assert!(!outbox.envelope.contains("example.org"), "{}", outbox.envelope);
    let letters = Arc::new(Letters::default());
    let mails = Mails {
        store: world.store.clone(),
        clock: world.clock.clone(),
        mailer: letters.clone(),
        key: Arc::new(MailKey::new([7; 32])),
    };
    let incoming = || Incoming::decode(&outbox.message()).expect("an event");
    // A crash between the two is a note that is not written.
    world.store.fail_commits([Fault::Unavailable]);
    assert!(mails.handle(incoming()).await.is_err());
    for _ in 0..2 {
        mails.handle(incoming()).await.expect("it is sent");
    }
    let sent = letters.0.lock().clone();
    assert_eq!(sent.len(), 2, "twice after a crash, and never again: {sent:?}");
    assert_eq!(sent[0].token, sent[1].token);
    assert!(world.clock.now() >= super::support::clock::START);
}

#[tokio::test(start_paused = true)]
async fn who_logs_in_for_ever_has_a_hundred_sessions_and_the_last_ones_are_good() {
    let world = World::new();
    let first = world.come("ann").await;
    for _ in 0..limits::SESSIONS_MAX {
        tokio::time::advance(Duration::from_secs(1)).await;
        world.come("ann").await;
    }
    let sessions = world.customers.sessions(&first.customer_id).await.expect("sessions");
    assert_eq!(sessions.len(), limits::SESSIONS_MAX);
    assert!(world.is_revoked(&first).await);
    let refused = world.customers.refresh(&token(&first)).await;
    assert!(matches!(refused, Err(RefreshError::NotGood)));
}
