//! What goes wrong between a store and DynamoDB: nothing is written twice, and nobody is told
//! that it was not written while it may be.

use lmall_app::{
    Changeset, Refusal, Write,
    ports::{CommitError, Store},
};
use lmall_aws::dynamo::create_tables;
use lmall_contract::store::{Said, commit, found, key, row};
use lmall_servers::{FaultProxy, LocalAws};

use crate::support::{clients, store_of};

/// What is committed.
#[derive(Clone, Copy)]
enum Kind {
    /// An adjustment alone.
    One,
    /// An adjustment, and an insertion after it.
    Many,
}

/// A fault, and what a commit through it says and leaves of a counter that was 5.
struct Case {
    /// The prefix of its tables: the fault strikes only there.
    name: &'static str,
    kind: Kind,
    times: u32,
    fault: &'static str,
    said: Said,
    left: u32,
}

const LOST: &str = "response: {abort_frac: 0.3}";
const THROTTLED: &str = "error: {code: ProvisionedThroughputExceededException}";
const BROKEN: &str = "error: {code: InternalServerError, status: 500}";
const DENIED: &str = "error: {code: AccessDeniedException, status: 400}";
const CONFLICT: &str = "error: {code: TransactionConflictException}";
const CANCELED: &str = "error: {code: TransactionCanceledException, \
                        fields: {CancellationReasons: [{Code: A}, {Code: B}]}}";
const CONFLICT_FIRST: &str = "error: {code: TransactionCanceledException, fields: \
    {CancellationReasons: [{Code: TransactionConflict}, {Code: ConditionalCheckFailed}]}}";
const REFUSED_FIRST: &str = "error: {code: TransactionCanceledException, fields: \
    {CancellationReasons: [{Code: ConditionalCheckFailed}, {Code: TransactionConflict}]}}";

#[rustfmt::skip]
const CASES: [Case; 14] = [
    Case { name: "m-lost-once", kind: Kind::Many, times: 1, fault: LOST, said: Said::Done, left: 4 },
    Case { name: "m-lost", kind: Kind::Many, times: 99, fault: LOST, said: Said::Unknown, left: 4 },
    Case { name: "m-throttled", kind: Kind::Many, times: 2, fault: THROTTLED, said: Said::Done, left: 4 },
    Case { name: "m-broken", kind: Kind::Many, times: 2, fault: BROKEN, said: Said::Done, left: 4 },
    Case { name: "m-down", kind: Kind::Many, times: 99, fault: BROKEN, said: Said::Unknown, left: 5 },
    Case { name: "m-denied", kind: Kind::Many, times: 99, fault: DENIED, said: Said::Unavailable, left: 5 },
    Case { name: "m-conflict", kind: Kind::Many, times: 2, fault: CONFLICT_FIRST, said: Said::Done, left: 4 },
    Case { name: "m-refused", kind: Kind::Many, times: 1, fault: REFUSED_FIRST, said: Said::Refused(Refusal::OutOfStock), left: 5 },
    Case { name: "m-odd", kind: Kind::Many, times: 1, fault: CANCELED, said: Said::Unavailable, left: 5 },
    Case { name: "o-lost", kind: Kind::One, times: 1, fault: LOST, said: Said::Unknown, left: 4 },
    Case { name: "o-throttled", kind: Kind::One, times: 2, fault: THROTTLED, said: Said::Done, left: 4 },
    Case { name: "o-conflict", kind: Kind::One, times: 2, fault: CONFLICT, said: Said::Done, left: 4 },
    Case { name: "o-broken", kind: Kind::One, times: 1, fault: BROKEN, said: Said::Unknown, left: 5 },
    Case { name: "o-denied", kind: Kind::One, times: 1, fault: DENIED, said: Said::Unavailable, left: 5 },
];

fn rule(operation: &str, case: &Case) -> String {
    let Case { name, times, fault, .. } = case;
    format!(
        "  - {{service: dynamodb, operation: {operation}, times: {times}, \
         body: \"contains(to_string(@), '{name}-order')\", {fault}}}\n"
    )
}

fn rules() -> String {
    let rule = |case: &Case| match case.kind {
        Kind::One => rule("UpdateItem", case),
        Kind::Many => rule("TransactWriteItems", case),
    };
    let rules: String = CASES.iter().map(rule).collect();
    let insert = "  - {service: dynamodb, operation: PutItem, times: 1, \
                  body: \"contains(to_string(@), 'insert-order')\", \
                  response: {abort_frac: 0.3}}\n";
    let read = "  - {service: dynamodb, operation: GetItem, times: 2, \
                body: \"contains(to_string(@), 'insert-order')\", \
                error: {code: ThrottlingException}}\n";
    let warm = "  - {service: dynamodb, operation: GetItem, times: 1, \
                body: \"contains(to_string(@), 'warm-order')\", \
                error: {code: AccessDeniedException, status: 400}}\n";
    format!("rules:\n{rules}{insert}{read}{warm}")
}

fn said(outcome: &Result<(), CommitError>) -> Said {
    match outcome {
        Ok(()) => Said::Done,
        Err(CommitError::Refused(refusal)) => Said::Refused(*refusal),
        Err(CommitError::Unavailable(_)) => Said::Unavailable,
        Err(CommitError::Unknown(_)) => Said::Unknown,
    }
}

async fn check(case: &Case, direct: &str, through: &str) {
    let direct = clients(direct, case.name);
    create_tables(&direct).await.expect("tables");
    let direct = store_of(&direct);
    let setup = Changeset::new().insert(row("p", "n", r#"{"n":5}"#), Refusal::Stale);
    assert_eq!(commit(&*direct, setup).await, Said::Done);
    let write = Write::Adjust(key("p", "n"), vec![("n", -1)]);
    let changeset = Changeset::new().with(write, Refusal::OutOfStock);
    let changeset = match case.kind {
        Kind::One => changeset,
        Kind::Many => changeset.insert(row("p", "new", "1"), Refusal::AlreadyHandled),
    };
    let store = store_of(&clients(through, case.name));
    let outcome = store.commit(changeset).await;
    assert_eq!(said(&outcome), case.said, "{}: {outcome:?}", case.name);
    let version = if case.left == 4 { 2 } else { 1 };
    let expected = (version, format!(r#"{{"n":{}}}"#, case.left));
    assert_eq!(found(&*direct, "p", "n").await, Some(expected), "{}", case.name);
}

#[tokio::test]
async fn a_fault_is_never_a_false_answer() {
    let server = LocalAws::start();
    let proxy = FaultProxy::of_aws(&server.url(), &rules());
    let through = format!("http://{}", proxy.address());
    // Its first fault takes the proxy seconds: longer than anybody waits for DynamoDB.
    store_of(&clients(&through, "warm")).get(&key("p", "a")).await.expect_err("there is no table");
    for case in &CASES {
        check(case, &server.url(), &through).await;
    }
    // An insertion is the one that a second try would refuse because of the first.
    create_tables(&clients(&server.url(), "insert")).await.expect("tables");
    let clients = clients(&through, "insert");
    let store = store_of(&clients);
    let insert = || Changeset::new().insert(row("p", "a", "1"), Refusal::AlreadyHandled);
    let outcome = store.commit(insert()).await;
    assert!(matches!(outcome, Err(CommitError::Unknown(_))), "{outcome:?}");
    assert_eq!(commit(&*store, insert()).await, Said::Refused(Refusal::AlreadyHandled));
    assert_eq!(found(&*store, "p", "a").await, Some((1, "1".to_owned())));
    // The meter saw the read that was throttled twice.
    let reading = clients.meter.read();
    let gets = reading.calls.iter().find(|calls| calls.operation == "GetItem");
    let gets = gets.map(|calls| (calls.requests, calls.retries, calls.failures));
    assert_eq!(gets, Some((1, 2, 0)));
}
