//! What only a file can get wrong: crashes, damage, a full disk, two processes.

use std::{fs, io::Write as _, path::Path, sync::Arc, time::Duration};

use lmall_app::{
    Changeset, OutboxRow, Refusal, Trace,
    ports::{Bus, Clock, DeadLetterFilter, DeadLetters, ReplayRun, ReplayTrigger, Scan, Table},
};
use lmall_contract::{
    bus::{self, QUEUE},
    clock::ManualClock,
    store::{Said, commit, found, row},
};
use lmall_domain::{
    Timestamp,
    event::{EventType, Topic},
};
use lmall_embedded::{Embedded, OpenError};
use tempfile::TempDir;

use crate::embedded::{Fresh, fresh, open};

/// The files as a crash at this moment would leave them, elsewhere.
fn crash_image(dir: &Path) -> TempDir {
    let image = TempDir::new().expect("a place for files");
    for entry in fs::read_dir(dir).expect("readable") {
        let entry = entry.expect("readable");
        fs::copy(entry.path(), image.path().join(entry.file_name())).expect("room");
    }
    image
}

#[tokio::test]
async fn what_was_answered_survives_a_crash() {
    let Fresh { embedded, clock, dir } = fresh();
    let store = embedded.store();
    for number in 0..50 {
        let changeset = Changeset::new().insert(row(&number.to_string(), "", "{}"), Refusal::Stale);
        assert_eq!(commit(&*store, changeset).await, Said::Done);
    }
    let bus = embedded.bus();
    bus::publish(&*bus, &[("g", "1"), ("h", "2"), ("i", "3"), ("j", "4"), ("k", "5")]).await;
    let received = bus::receive(&*bus, &*clock, 3).await;
    bus::delete(&*bus, &received[..1]).await;
    let cause = "it had to be";
    let buried = bus.dead_letter(&received[1], cause, false).await;
    buried.expect("the bus answers");
    let image = crash_image(dir.path());

    let after = open(image.path(), &clock);
    assert_eq!(after.store().integrity_check().expect("readable"), Vec::<String>::new());
    let items = after.store().scan(Table::Order, None, 100).await.expect("readable");
    assert_eq!(items.len(), 50);
    let bus = after.bus();
    let again = bus::receive(&*bus, &*clock, 10).await;
    assert_eq!(bus::ids(&again), ["3", "4", "5"]);
    assert_eq!(again.iter().map(|it| it.receive_count).collect::<Vec<_>>(), [2, 1, 1]);
    let dead = bus.list(&DeadLetterFilter::default(), 10).await.expect("the bus answers");
    assert_eq!((dead.len(), dead[0].cause.as_str()), (1, cause));
    bus::publish(&*bus, &[("g", "1")]).await;
    assert!(bus::receive(&*bus, &*clock, 10).await.is_empty(), "its id is remembered");
}

#[tokio::test]
async fn a_closed_store_leaves_one_file_and_takes_no_more() {
    let Fresh { embedded, clock, dir } = fresh();
    let store = embedded.store();
    let insert = |name: &str| Changeset::new().insert(row(name, "", "{}"), Refusal::Stale);
    assert_eq!(commit(&*store, insert("a")).await, Said::Done);
    embedded.close();
    embedded.close();
    assert_eq!(commit(&*store, insert("b")).await, Said::Unavailable);
    let published = embedded.bus().publish(Topic::OrderEvents, vec![bus::message("g", "1")]).await;
    assert!(published[0].is_err());
    let log = fs::metadata(dir.path().join("lmall.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0);
    let again = open(dir.path(), &clock);
    assert!(found(&*again.store(), "a", "").await.is_some());
    assert_eq!(found(&*again.store(), "b", "").await, None);
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let Fresh { embedded, clock, dir: _dir } = fresh();
    let (store, bus) = (embedded.store(), embedded.bus());
    bus::publish(&*bus, &[("g", "held"), ("h", "visible")]).await;
    let held = bus::receive(&*bus, &*clock, 1).await;
    store.limit_pages(1).await.expect("the store answers");
    let body = "x".repeat(20_000);
    let big = |name: &str| Changeset::new().insert(row(name, "", &body), Refusal::Stale);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (store, changeset) = (Arc::clone(&store), big(&number.to_string()));
        tasks.spawn(async move { commit(&*store, changeset).await });
    }
    assert!(tasks.join_all().await.into_iter().all(|said| said == Said::Unavailable));
    let small = Changeset::new().insert(row("small", "", "{}"), Refusal::Stale);
    let both = small.insert(row("big", "", &body), Refusal::Stale);
    assert_eq!(commit(&*store, both).await, Said::Unavailable);
    for name in ["0", "49", "big", "small"] {
        assert_eq!(found(&*store, name, "").await, None, "{name}");
    }
    let fat = lmall_app::ports::Message { body: body.as_str().into(), ..bus::message("k", "fat") };
    assert!(bus.publish(Topic::OrderEvents, vec![fat.clone()]).await[0].is_err());
    let buried = bus.dead_letter(&held[0], &body, false).await;
    assert!(buried.is_err());
    store.limit_pages(0).await.expect("the store answers");
    assert_eq!(commit(&*store, big("0")).await, Said::Done);
    assert!(bus.publish(Topic::OrderEvents, vec![fat]).await[0].is_ok());
    assert_eq!(bus::ids(&bus::receive(&*bus, &*clock, 10).await), ["visible", "fat"]);
    let buried = bus.dead_letter(&held[0], "now", false).await;
    buried.expect("there is room again, and the receipt still holds");
    assert!(store.stats().failures > 0);
}

#[tokio::test]
async fn a_message_whose_deletion_failed_comes_again() {
    let Fresh { embedded, clock, dir: _dir } = fresh();
    let (store, bus) = (embedded.store(), embedded.bus());
    for group in 0..100 {
        let group = group.to_string();
        bus::publish(&*bus, &[(&group, &group)]).await;
    }
    store.limit_pages(1).await.expect("the store answers");
    let body = "x".repeat(20_000);
    for attempt in 0..100 {
        let held = bus::receive(&*bus, &*clock, 1).await;
        // A deletion needs no room. It fails when its transaction does, for another's sake.
        let fail = async |part: i32| {
            let big = |number: i32| {
                let name = format!("{attempt}-{part}-{number}");
                Changeset::new().insert(row(&name, "", &body), Refusal::Stale)
            };
            let commits = (0..20).map(|number| commit(&*store, big(number)));
            futures_util::future::join_all(commits).await;
        };
        let deletion = bus.delete(QUEUE, vec![held[0].receipt.clone()]);
        let (_, deleted, _) = tokio::join!(fail(0), deletion, fail(1));
        if deleted.is_err() {
            clock.advance(Duration::from_secs(30));
            let again = bus::receive(&*bus, &*clock, 100).await;
            assert!(bus::ids(&again).contains(&&*held[0].message.dedup_id));
            return;
        }
    }
    panic!("no deletion ever shared a transaction with what does not fit");
}

#[test]
fn a_directory_has_one_owner() {
    let Fresh { embedded, clock, dir } = fresh();
    let second = Embedded::open(dir.path(), clock.clone()).err();
    let pid = std::process::id().to_string();
    assert!(matches!(second, Some(OpenError::InUse { pid: found, .. }) if found == pid));
    drop(embedded);
    drop(open(dir.path(), &clock));
}

/// Opens a directory whose file was made and then spoiled.
fn spoiled(spoil: impl FnOnce(&Path)) -> Option<OpenError> {
    let Fresh { embedded, clock, dir } = fresh();
    drop(embedded);
    spoil(&dir.path().join("lmall.db"));
    Embedded::open(dir.path(), clock).err()
}

fn with_sql(sql: &'static str) -> impl FnOnce(&Path) {
    move |file| {
        let connection = rusqlite::Connection::open(file).expect("a database");
        connection.execute_batch(sql).expect("SQL");
    }
}

fn overwrite(file: &Path, bytes: &[u8]) {
    let mut file = fs::File::options().write(true).open(file).expect("writable");
    file.write_all(bytes).expect("room");
}

fn cut(file: &Path) {
    let length = fs::metadata(file).expect("there").len();
    let file = fs::File::options().write(true).open(file).expect("writable");
    file.set_len(length / 2).expect("shorter");
}

#[test]
fn a_damaged_or_foreign_file_is_refused() {
    type Spoil = Box<dyn FnOnce(&Path)>;
    let damages: [(&str, Spoil); 6] = [
        ("garbage", Box::new(|file| overwrite(file, &[0x55; 8192]))),
        (
            "garbage behind the first page",
            Box::new(|file| {
                let mut bytes = fs::read(file).expect("readable");
                bytes[4096..].fill(0x55);
                fs::write(file, bytes).expect("room");
            }),
        ),
        ("cut short", Box::new(cut)),
        ("one byte", Box::new(|file| fs::write(file, "x").expect("room"))),
        ("another program's", Box::new(with_sql("PRAGMA application_id = 7"))),
        ("without its tables", Box::new(with_sql("DROP TABLE message"))),
    ];
    for (damage, spoil) in damages {
        let error = spoiled(spoil);
        assert!(matches!(error, Some(OpenError::Corrupt { .. })), "{damage}: {error:?}");
    }
    let newer = spoiled(with_sql("PRAGMA user_version = 99"));
    assert!(matches!(newer, Some(OpenError::Newer { found: 99, .. })), "{newer:?}");
    let file = tempfile::NamedTempFile::new().expect("a place for files");
    let nowhere = Embedded::open(&file.path().join("sub"), Arc::new(ManualClock::new())).err();
    assert!(matches!(nowhere, Some(OpenError::Io { .. })), "{nowhere:?}");
}

fn outbox(seq: u32) -> OutboxRow {
    let id = lmall_contract::gate::order(7_212_345_678_901);
    OutboxRow {
        event_id: lmall_domain::EventId::of(id, EventType::OrderCreated.service(), seq),
        aggregate_id: id.into(),
        seq,
        event_type: EventType::OrderCreated,
        envelope: "{}".into(),
        created_at: Timestamp::default(),
        trace: Trace::default(),
    }
}

#[tokio::test]
async fn committed_events_are_fed_in_order_and_missing_ones_are_admitted() {
    let Fresh { embedded, dir: _dir, .. } = fresh();
    let store = embedded.store();
    let event = |seq| Changeset::new().event(Some(outbox(seq)));
    assert_eq!(commit(&*store, event(1)).await, Said::Done);
    let mut feed = store.outbox_feed(Table::Order);
    assert!(feed.missed(), "what came before is not in it");
    assert!(!feed.missed());
    for seq in 2..5 {
        assert_eq!(commit(&*store, event(seq)).await, Said::Done);
    }
    assert_eq!(commit(&*store, event(4)).await, Said::Refused(Refusal::Stale));
    let rows = feed.next_batch(10).await.expect("open");
    assert_eq!(rows, [outbox(2), outbox(3), outbox(4)]);
    assert!(!feed.missed());
    embedded.close();
    assert_eq!(feed.next_batch(10).await, None);
}

#[tokio::test]
async fn an_event_that_exists_refuses_all_of_its_changeset() {
    let Fresh { embedded, dir: _dir, .. } = fresh();
    let store = embedded.store();
    let event = |seq| Changeset::new().event(Some(outbox(seq)));
    assert_eq!(commit(&*store, event(1)).await, Said::Done);
    let with_row = event(1).insert(row("a", "", "{}"), Refusal::AlreadyHandled);
    assert_eq!(commit(&*store, with_row).await, Said::Refused(Refusal::Stale));
    assert_eq!(found(&*store, "a", "").await, None);
}

#[tokio::test]
async fn a_changeset_that_makes_no_sense_fails_alone() {
    let Fresh { embedded, dir: _dir, .. } = fresh();
    let store = embedded.store();
    let number =
        |number: u32| Changeset::new().insert(row(&number.to_string(), "", "{}"), Refusal::Stale);
    // Its event is the row that it also writes.
    let twice = lmall_app::ports::NewRow { key: outbox(1).key(), ..row("", "", "{}") };
    let nonsense = Changeset::new()
        .insert(row("a", "", "{}"), Refusal::Stale)
        .insert(twice, Refusal::Stale)
        .event(Some(outbox(1)));
    let good = |from| (from..from + 20).map(number).collect::<Vec<_>>();
    let all = good(0).into_iter().chain([nonsense]).chain(good(20));
    let said = futures_util::future::join_all(all.map(|one| commit(&*store, one))).await;
    for (place, said) in said.into_iter().enumerate() {
        let expected = if place == 20 { Said::Unavailable } else { Said::Done };
        assert_eq!(said, expected, "{place}");
    }
    let items = store.scan(Table::Order, None, 100).await.expect("readable");
    assert_eq!(items.len(), 40, "nothing of it is there");
}

#[tokio::test]
async fn expired_rows_go_and_others_stay() {
    let Fresh { embedded, clock, dir: _dir } = fresh();
    let store = embedded.store();
    let now = lmall_app::ports::Clock::now(&*clock);
    for number in 0..30 {
        let expires_at = (number % 3 == 0).then(|| now.after(Duration::from_secs(number)));
        let new = lmall_app::ports::NewRow { expires_at, ..row(&format!("{number:02}"), "", "{}") };
        assert_eq!(commit(&*store, Changeset::new().put(new, 0)).await, Said::Done);
    }
    let mut purged = 0;
    for _ in 0..20 {
        purged +=
            store.purge_expired(now.after(Duration::from_secs(15)), 2).await.expect("readable");
    }
    assert_eq!(purged, 5, "0, 3, 6, 9 and 12");
    let left = store.scan(Table::Order, None, 100).await.expect("readable");
    assert_eq!(left.len(), 25);
    assert_eq!(left[0].key.partition, "01");
}

#[tokio::test]
async fn a_replay_is_recorded_for_400_days() {
    let Fresh { embedded, clock, dir } = fresh();
    let run = |started_at, replayed| ReplayRun {
        trigger: ReplayTrigger::Operator,
        filter: DeadLetterFilter { queue: Some(QUEUE), ..DeadLetterFilter::default() },
        started_at,
        replayed,
        parked: 0,
    };
    let now = clock.now();
    for (started_at, replayed) in [
        (now, 1),
        (now.after(Duration::from_secs(60)), 2),
        (now.after(ReplayRun::KEPT + Duration::from_millis(1)), 3),
    ] {
        embedded.bus().record(&run(started_at, replayed)).await.expect("there is room");
    }
    drop(embedded);
    let file = rusqlite::Connection::open(dir.path().join("lmall.db")).expect("a database");
    let mut rows = file
        .prepare("SELECT \"trigger\", queue, replayed FROM replay_run ORDER BY id")
        .expect("the table is there");
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let rows: Vec<(String, String, u32)> = rows.and_then(Iterator::collect).expect("readable");
    let kept = |replayed| ("operator".to_owned(), QUEUE.name().to_owned(), replayed);
    assert_eq!(rows, [kept(2), kept(3)]);
}
