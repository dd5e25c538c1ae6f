//! What survives `kill -9` and a disk without room.

use std::{fs, path::Path, time::Duration};

use rustix::process::{Resource, Rlimit, Signal, getrlimit, prlimit};
use serde_json::{Value, json};

use crate::support::{
    Api, Call, Load, Server, captured, command, run_to_end, temp_dir, text, within,
};

/// Decides when the server is killed.
const SEED: u64 = 0x1a9f;

/// How often it is.
const ROUNDS: u32 = 6;

/// The longest time until a message that failed for want of room is tried for the third time.
const RETRIED_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test]
async fn nothing_that_was_answered_is_lost_by_kill_9() {
    let data = temp_dir();
    let mut answered = Vec::new();
    let mut random = SEED;
    let load = Load::default();
    for round in 0..ROUNDS {
        let shop = Server::start_on(data.path(), &[]).await;
        let sku = format!("tea-{round}");
        shop.stock_up(&sku, 100_000).await;
        // xorshift: how much is done before the end comes.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let more = 5 + usize::try_from(random % 150).expect("a small number");
        let until = answered.len() + more;
        let api = Api::clone(&shop);
        let kill = async {
            load.has_placed(until).await;
            shop.kill();
        };
        let ((), placed) = tokio::join!(kill, load.run(&api, &sku));
        answered.extend(placed);
    }
    let shop = Server::start_on(data.path(), &[]).await;
    load.is_there(&shop, &answered).await;
    load.comes_to_an_end(&shop, &answered).await;
    shop.audit_is_green().await;
    shop.signal(Signal::TERM);
    shop.ends_well().await;

    let directory = data.path().to_str().expect("a path in UTF-8");
    let audit = command(&["audit", "--data", directory, "--json"]);
    let audit = run_to_end(audit, Duration::from_secs(60)).await;
    assert_eq!(audit.code, Some(0), "{audit:#?}");
    let audit: Value = serde_json::from_str(&audit.stdout).expect("one JSON object");
    assert_eq!((&audit["ok"], &audit["at_rest"]), (&json!(true), &json!(true)), "{audit:#}");
}

#[tokio::test]
async fn a_disk_without_room_is_answered_503_and_outlived() {
    let data = temp_dir();
    let shop = Server::start_deaf_to_file_limits(data.path()).await;
    shop.stock_up("tea", 100_000).await;
    let before = shop.place("ann", &[("tea", 1)]).await;
    shop.audit_is_green().await;

    // From here on no file may grow beyond what the largest has now, and a little.
    let room = |bytes: Option<u64>| {
        let limits = Rlimit { current: bytes, maximum: getrlimit(Resource::Fsize).maximum };
        prlimit(Some(shop.pid()), Resource::Fsize, limits).expect("a limit of a child");
    };
    room(Some(largest(data.path()) + 300_000));
    let load = Load::default();
    let placed = load.run(&shop, "tea").await;
    assert!(placed.len() > 10, "there was a little room: {}", placed.len());

    let refused = within(Duration::from_secs(10), "a placing is refused", async || {
        let answer = shop.send(Call::place("ann", &[("tea", 1)])).await;
        if answer.status == 503 { Ok(answer) } else { Err(answer.text()) }
    });
    let refused = refused.await;
    refused.problem(503, "unavailable");
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    let id = text(&before, "id");
    let money = captured("evt-full", id, &before["total"]);
    let webhook = shop.deliver(&money).await;
    webhook.problem(503, "unavailable");
    assert_ne!(webhook.header("retry-after"), "");
    assert_eq!(shop.send(Call::get("/healthz")).await.status, 200, "alive all the while");
    assert_eq!(shop.order("ann", id).await["status"], "PENDING", "reading needs no room");

    room(None);
    within(RETRIED_WITHIN, "it takes money again", async || {
        let answer = shop.deliver(&money).await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
    load.is_there(&shop, &placed).await;
    load.comes_to_an_end(&shop, &placed).await;
    let path = format!("/v1/orders/{id}");
    within(RETRIED_WITHIN, "what was paid is confirmed", async || {
        let order = shop.send(Call::get(&path).customer("ann").wait(5)).await.json(200);
        if order["status"] == "CONFIRMED" { Ok(()) } else { Err(order.to_string()) }
    })
    .await;
    // Marks in the outbox that found no room are made up for by the sweeper, which is in no
    // hurry; so is every start.
    let audit = shop.send(Call::post("/v1/ops/audit").operator()).await.json(200);
    assert_eq!(audit["ok"], true, "{audit:#}");
    shop.signal(Signal::TERM);
    shop.ends_well().await;
    Server::start_on(data.path(), &[]).await.audit_is_green().await;
}

fn largest(directory: &Path) -> u64 {
    let files = fs::read_dir(directory).expect("a directory");
    let sizes = files.map(|file| file.and_then(|file| file.metadata()).expect("a file").len());
    sizes.max().expect("files")
}
