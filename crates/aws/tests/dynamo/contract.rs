//! The contract of the store.
//!
//! Where the servers are not as AWS is, and what else shows it:
//!
//! | AWS | here | shown by |
//! |---|---|---|
//! | an index lags behind its table ([eventually consistent][gsi]) | at once | `read.rs`: the rows are read again, by key |
//! | transactions on one row [cancel each other][conflict] | the local stack: never | `faults.rs`, with a proxy |
//! | [throttling][errors] | never | `faults.rs`, with a proxy |
//! | rows past their `ttl` are deleted [within days][ttl] | the local stack: without a stream record | expiry is judged by the time in a row |
//!
//! [gsi]: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
//! [conflict]: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
//! [errors]: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
//! [ttl]: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html

use lmall_contract::{store, store_model};
use lmall_servers::{DynamoLocal, LocalAws};
use proptest::{
    prelude::ProptestConfig,
    test_runner::{TestError, TestRunner},
};
use tokio::runtime::Runtime;

use crate::support::{Stores, wipe};

/// Sequences of up to 40 changesets: each is some requests.
const CASES: u32 = 6;

async fn every_promise(stores: &Stores) {
    store::conditions(&*stores.fresh().await).await;
    store::precedence(&*stores.fresh().await).await;
    store::atomicity(stores.fresh().await).await;
    store::concurrent_adjustments(stores.fresh().await).await;
    store::paging(&*stores.fresh().await).await;
    store::indexes(&*stores.fresh().await).await;
    store::adjusted_rows(&*stores.fresh().await).await;
    store::scanning(&*stores.fresh().await).await;
}

fn any_changesets(runtime: &Runtime, stores: &Stores) {
    let store = runtime.block_on(stores.fresh());
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) };
    let run = TestRunner::new(config).run(&store_model::changesets(), |changesets| {
        runtime.block_on(async {
            wipe(&store).await;
            store_model::agrees(&*store, changesets).await;
        });
        Ok(())
    });
    if let Err(error @ (TestError::Abort(_) | TestError::Fail(..))) = run {
        panic!("{error}");
    }
}

fn check(url: String) {
    let runtime = Runtime::new().expect("a runtime");
    let stores = Stores::at(url);
    runtime.block_on(every_promise(&stores));
    any_changesets(&runtime, &stores);
}

#[test]
fn the_contract_holds_on_dynamodb_local() {
    let server = DynamoLocal::start();
    check(server.url());
}

#[test]
fn the_contract_holds_on_a_local_stack() {
    let server = LocalAws::start();
    check(server.url());
}
