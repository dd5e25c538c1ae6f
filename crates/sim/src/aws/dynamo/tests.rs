//! The rules, each with the page that says so.

mod naive;

use lmall_app::ports::{IndexEntry, NewRow};

use super::*;

const PROMPT: Duration = Duration::ZERO;

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn dynamo() -> Dynamo {
    Dynamo::new(Timestamp::from_millis(1_000_000))
}

fn key(sort: &str) -> Key {
    Key::new(Table::Order, "p", sort)
}

fn row(sort: &str, body: &str) -> NewRow {
    let body = body.as_bytes().to_vec();
    NewRow { key: key(sort), body, indexes: Vec::new(), expires_at: None }
}

fn open(sort: &str, body: &str, place: &str) -> NewRow {
    let entry = |sort: &str| IndexEntry {
        index: Index::Open,
        partition: "x".to_owned(),
        sort: sort.to_owned(),
    };
    NewRow { indexes: vec![entry(place)], ..row(sort, body) }
}

fn insert(new: NewRow) -> Changeset {
    Changeset::new().insert(new, Refusal::Stale)
}

fn commit_after(
    dynamo: &mut Dynamo,
    now: Duration,
    changeset: &Changeset,
    lag: Duration,
) -> Result<Applied, TransactError> {
    dynamo.transact(now, changeset, Token::of(changeset, 0), &mut |_| lag)
}

fn commit(
    dynamo: &mut Dynamo,
    now: Duration,
    changeset: &Changeset,
) -> Result<Applied, TransactError> {
    commit_after(dynamo, now, changeset, PROMPT)
}

fn body(dynamo: &Dynamo, sort: &str) -> Option<(u64, String)> {
    let item = dynamo.get(&key(sort))?;
    Some((item.version, String::from_utf8(item.body.to_vec()).unwrap()))
}

fn is(version: u64, body: &str) -> Option<(u64, String)> {
    Some((version, body.to_owned()))
}

fn in_index(dynamo: &mut Dynamo, now: Duration) -> Vec<(String, u64, Vec<u8>)> {
    let query = IndexQuery {
        table: Table::Order,
        index: Index::Open,
        partition: "x".to_owned(),
        after: None,
        until: None,
        limit: 10,
        descending: false,
    };
    let items = dynamo.query_index(now, &query).items.into_iter();
    items.map(|item| (item.key.sort, item.version, item.body.to_vec())).collect()
}

/// "A client request token is valid for 10 minutes after the first request that uses it is
/// completed. After 10 minutes, any request with the same client token is treated as a new
/// request."
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
#[test]
fn a_token_answers_for_ten_minutes() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let mut dynamo = dynamo();
    let add = Changeset::new().with(Write::Adjust(key("n"), vec![("n", 1)]), Refusal::OutOfStock);
    assert!(commit(&mut dynamo, PROMPT, &insert(row("n", r#"{"n":0}"#))).is_ok());
    for (now, by_token, after) in [
        (minutes(1), false, r#"{"n":1}"#),
        (minutes(2), true, r#"{"n":1}"#),
        (minutes(11) - at(1), true, r#"{"n":1}"#),
        // The window began with the first request, not with the last one.
        (minutes(11), false, r#"{"n":2}"#),
        (minutes(21) - at(1), true, r#"{"n":2}"#),
    ] {
        let applied = commit(&mut dynamo, now, &add).unwrap();
        assert_eq!(applied.by_token, by_token, "{now:?}");
        assert_eq!(applied.changes.is_empty(), by_token, "{now:?}");
        assert_eq!(dynamo.get(&key("n")).unwrap().body, after, "{now:?}");
    }
}

/// A later call with the same token succeeds without a change if the original one was
/// successful; of one that failed nothing is said, so it is made anew.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-apis-txwriteitems>
#[test]
fn a_request_that_failed_is_made_anew() {
    let mut dynamo = dynamo();
    let replace = Changeset::new().put(row("a", "2"), 1);
    let refused = Err(TransactError::Refused(Refusal::Stale));
    assert_eq!(commit(&mut dynamo, at(0), &replace), refused);
    assert!(commit(&mut dynamo, at(1), &insert(row("a", "1"))).is_ok());
    assert!(!commit(&mut dynamo, at(2), &replace).unwrap().by_token);
    assert_eq!(body(&dynamo, "a"), is(2, "2"));
}

/// A token with other parameters is an `IdempotentParameterMismatch`: so another changeset has
/// another token.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
#[test]
fn another_changeset_has_another_token() {
    let adjust =
        |deltas| Changeset::new().with(Write::Adjust(key("a"), deltas), Refusal::OutOfStock);
    let expiring = NewRow { expires_at: Some(Timestamp::from_millis(1)), ..row("a", "1") };
    let changesets = [
        insert(row("a", "1")),
        insert(row("a", "2")),
        insert(row("b", "1")),
        insert(open("a", "1", "1")),
        insert(open("a", "1", "2")),
        insert(expiring),
        Changeset::new().insert(row("a", "1"), Refusal::AlreadyHandled),
        Changeset::new().put(row("a", "1"), 1),
        Changeset::new().put(row("a", "1"), 2),
        Changeset::new().with(Write::Delete(key("a"), 1), Refusal::Stale),
        adjust(vec![("n", 1)]),
        adjust(vec![("n", -1)]),
        adjust(vec![("m", 1)]),
        insert(row("a", "1")).insert(row("b", "1"), Refusal::Stale),
        insert(row("b", "1")).insert(row("a", "1"), Refusal::Stale),
    ];
    let tokens: BTreeSet<_> = changesets.iter().map(|each| Token::of(each, 0)).collect();
    assert_eq!(tokens.len(), changesets.len());
    assert_eq!(Token::of(&changesets[0].clone(), 0), Token::of(&changesets[0], 0));
    assert_ne!(Token::of(&changesets[0], 1), Token::of(&changesets[0], 0));
}

/// The actions are completed atomically, so that all of them succeed or none does; the reasons
/// of a cancellation are listed in the order of the actions.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
#[test]
fn all_is_written_or_nothing_and_the_first_condition_speaks() {
    let mut dynamo = dynamo();
    assert!(commit(&mut dynamo, at(0), &insert(row("taken", "1"))).is_ok());
    assert!(commit(&mut dynamo, at(0), &insert(row("n", r#"{"n":0}"#))).is_ok());
    let taken = || (Write::Insert(row("taken", "2")), Refusal::AlreadyHandled);
    let sold_out = || (Write::Adjust(key("n"), vec![("n", -1)]), Refusal::OutOfStock);
    for (bad, said) in [
        ([taken(), sold_out()], Refusal::AlreadyHandled),
        ([sold_out(), taken()], Refusal::OutOfStock),
    ] {
        let first = insert(row("new", "1"));
        let changeset = bad.into_iter().fold(first, |all, (write, no)| all.with(write, no));
        assert_eq!(commit(&mut dynamo, at(1), &changeset), Err(TransactError::Refused(said)));
        assert_eq!(body(&dynamo, "new"), None);
        assert_eq!(body(&dynamo, "n"), is(1, r#"{"n":0}"#));
    }
}

/// "You can't target the same item with multiple operations within the same transaction"; it has
/// at least one action and at most 100, 4 MB at most; and there are the limits of keys and items.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
#[test]
fn what_is_no_transaction_is_invalid() {
    let insert = |sort: &str| Write::Insert(row(sort, "{}"));
    let huge = Write::Insert(row("a", &"x".repeat(410_000)));
    let many: Vec<_> = (0..101).map(|n| insert(&n.to_string())).collect();
    let large: Vec<_> =
        (0..11).map(|n| Write::Insert(row(&n.to_string(), &"x".repeat(400_000)))).collect();
    for writes in [
        vec![],
        vec![insert("a"), insert("b"), insert("a")],
        vec![insert("a"), Write::Delete(key("a"), 1)],
        vec![insert("")],
        vec![insert(&"s".repeat(1_025))],
        vec![Write::Insert(open("a", "{}", ""))],
        vec![huge],
        many,
        large,
    ] {
        let writes: Vec<_> = writes.iter().map(|write| (write, Refusal::Stale)).collect();
        assert!(check::request(&writes).is_err());
    }
    let mut dynamo = dynamo();
    assert!(commit(&mut dynamo, at(0), &super::tests::insert(row("n", r#"{"n":"1"}"#))).is_ok());
    let adjust = Changeset::new().with(Write::Adjust(key("n"), vec![("n", 1)]), Refusal::Stale);
    let said = commit(&mut dynamo, at(0), &adjust);
    assert!(matches!(said, Err(TransactError::Invalid(_))), "{said:?}");
}

/// A global secondary index is updated asynchronously and read eventually consistent only, while
/// the table itself can be read as it is.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html>
#[test]
fn an_index_lags_behind_its_table() {
    let mut dynamo = dynamo();
    let say = |sort: &str, version: u64, body: &str| (sort.to_owned(), version, body.into());
    let first = insert(open("a", "1", "5"));
    assert!(commit_after(&mut dynamo, at(0), &first, at(20)).is_ok());
    assert_eq!(body(&dynamo, "a"), is(1, "1"));
    assert_eq!(dynamo.pending_index_updates(at(19)), 1);
    assert_eq!(in_index(&mut dynamo, at(19)), []);
    assert_eq!(in_index(&mut dynamo, at(20)), [say("a", 1, "1")]);
    assert_eq!(dynamo.pending_index_updates(at(20)), 0);

    // The index shows its own copy until it hears better.
    let second = Changeset::new().put(open("a", "2", "7"), 1);
    assert!(commit_after(&mut dynamo, at(30), &second, at(60_000)).is_ok());
    assert_eq!(in_index(&mut dynamo, at(60_029)), [say("a", 1, "1")]);

    // A later change of the same row does not overtake; one of another row does.
    let third = Changeset::new().with(Write::Delete(key("a"), 2), Refusal::Stale);
    assert!(commit_after(&mut dynamo, at(40), &third, at(1)).is_ok());
    assert!(commit_after(&mut dynamo, at(40), &insert(open("b", "1", "6")), at(1)).is_ok());
    assert_eq!(body(&dynamo, "a"), None);
    assert_eq!(in_index(&mut dynamo, at(60_029)), [say("a", 1, "1"), say("b", 1, "1")]);
    assert_eq!(in_index(&mut dynamo, at(60_030)), [say("b", 1, "1")]);
}

/// An index has only the items that have its key attributes: a row leaves it with them. And its
/// keys need not be unique.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-indexes-general-sparse-indexes.html>
#[test]
fn an_index_is_sparse_and_another_row_may_take_a_place() {
    let mut dynamo = dynamo();
    assert!(commit(&mut dynamo, at(0), &insert(open("a", "1", "5"))).is_ok());
    let change = Changeset::new().put(row("a", "2"), 1);
    assert!(commit_after(&mut dynamo, at(1), &change, at(50)).is_ok());
    assert!(commit(&mut dynamo, at(2), &insert(open("b", "1", "5"))).is_ok());
    let seen = |all: Vec<(String, u64, Vec<u8>)>| -> Vec<String> {
        all.into_iter().map(|(sort, _, _)| sort).collect()
    };
    assert_eq!(seen(in_index(&mut dynamo, at(3))), ["a", "b"]);
    assert_eq!(seen(in_index(&mut dynamo, at(51))), ["b"]);
}

/// "DynamoDB typically deletes expired items within two days of expiration", and until then
/// "they'll continue to show in read and write operations".
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html>
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ttl-expired-items.html>
#[test]
fn an_expired_row_is_there_until_it_is_deleted() {
    let mut dynamo = dynamo();
    let expiring = |sort: &str, seconds: u64| {
        let expires_at = Some(dynamo_start().after(Duration::from_secs(seconds)));
        insert(NewRow { expires_at, ..open(sort, "1", sort) })
    };
    for (sort, seconds) in [("a", 10), ("b", 20), ("c", 20), ("later", 900_000)] {
        assert!(commit(&mut dynamo, at(0), &expiring(sort, seconds)).is_ok());
    }
    let expire = |dynamo: &mut Dynamo, seconds: u64, picked: &[&str]| -> Vec<String> {
        let pick = &mut |key: &Key| picked.contains(&key.sort.as_str());
        let changes = dynamo.expire(Duration::from_secs(seconds), &mut |_| PROMPT, pick);
        assert!(changes.iter().all(|change| change.before.is_some() && change.after.is_none()));
        changes.into_iter().map(|change| change.key.sort).collect()
    };
    let all = ["a", "b", "c", "later"];
    assert_eq!(expire(&mut dynamo, 9, &all), [""; 0]);
    assert_eq!(expire(&mut dynamo, 10, &[]), [""; 0]);
    assert_eq!(expire(&mut dynamo, 20, &["b"]), ["b"]);
    assert_eq!(body(&dynamo, "a"), is(1, "1"));
    // It still is a row to every condition.
    let again = commit(&mut dynamo, Duration::from_secs(700), &expiring("a", 10));
    assert_eq!(again, Err(TransactError::Refused(Refusal::Stale)));
    // A new expiry counts, the old one does not.
    let renewed = Changeset::new().put(NewRow { expires_at: None, ..row("c", "2") }, 1);
    assert!(commit(&mut dynamo, Duration::from_secs(700), &renewed).is_ok());
    let last = 10 + TTL_DELAY_MAX.as_secs();
    assert_eq!(expire(&mut dynamo, last - 1, &[]), [""; 0]);
    assert_eq!(expire(&mut dynamo, last + 10, &[]), ["a"]);
    assert_eq!(body(&dynamo, "c"), is(2, "2"));
    let left = in_index(&mut dynamo, Duration::from_secs(last + 10));
    assert_eq!(left.len(), 1, "{left:?}");
}

fn dynamo_start() -> Timestamp {
    dynamo().start
}
