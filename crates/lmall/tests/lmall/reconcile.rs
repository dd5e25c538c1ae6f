//! `lmall reconcile`: a provider's statement against a stopped shop.

use std::{fs, path::Path, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Ended, Server, captured, command, run_to_end, temp_dir, text};

const HEADER: &str = "provider,event_id,type,order_id,payment_id,amount,currency,created";
const CREATED: &str = "2026-01-14T10:31:00Z";

async fn reconcile(data: &Path, statement: &str) -> Ended {
    let file = data.join("statement.csv");
    fs::write(&file, statement).expect("room");
    let [file, data] = [file.as_path(), data].map(|path| path.to_str().expect("UTF-8"));
    let args = ["reconcile", file, "--data", data, "--json"];
    run_to_end(command(&args), Duration::from_secs(30)).await
}

#[tokio::test]
async fn what_is_missing_here_is_applied_once_and_what_differs_is_shown() {
    let data = temp_dir();
    let shop = Server::start_on(data.path(), &[]).await;
    shop.stock_up("tea", 10).await;
    let (heard, unheard) =
        (shop.place("ann", &[("tea", 1)]).await, shop.place("ben", &[("tea", 2)]).await);
    let (heard_id, unheard_id) = (text(&heard, "id"), text(&unheard, "id"));
    shop.deliver(&captured("evt_heard", heard_id, &heard["total"])).await.json(200);
    shop.order_becomes(&heard, "CONFIRMED").await;
    shop.signal(Signal::TERM);
    shop.ends_well().await;

    let (heard_amount, amount) = (&heard["total"]["amount"], &unheard["total"]["amount"]);
    let statement = format!(
        "{HEADER}\n\
         demo,evt_heard,payment.captured,{heard_id},pay_evt_heard,{heard_amount},EUR,{CREATED}\n\
         demo,evt_lost,payment.captured,{unheard_id},pay_lost,{amount},EUR,{CREATED}\n"
    );
    let first = reconcile(data.path(), &statement).await;
    assert_eq!(first.code, Some(0), "{first:#?}");
    let report: Value = serde_json::from_str(&first.stdout).expect("one JSON object");
    assert_eq!(report["matched"], 1, "{report}");
    let missing = report["missing_here"].as_array().expect("a list");
    assert!(missing.len() == 1 && missing[0].as_str().expect("a line").contains("evt_lost"));
    assert_eq!((&report["missing_there"], &report["differs"]), (&json!([]), &json!([])));

    let more = statement.replace(&format!(",{amount},EUR"), ",1,EUR");
    let second = reconcile(data.path(), &more).await;
    assert_eq!(second.code, Some(1), "a person has to look: {second:#?}");
    let report: Value = serde_json::from_str(&second.stdout).expect("one JSON object");
    assert_eq!((&report["matched"], &report["missing_here"]), (&json!(1), &json!([])), "{report}");
    assert_eq!(report["differs"].as_array().map(Vec::len), Some(1), "{report}");

    let shop = Server::start_on(data.path(), &[]).await;
    shop.order_becomes(&unheard, "CONFIRMED").await;
    shop.level_becomes("tea", [7, 0, 3]).await;
    shop.audit_is_green().await;
}

#[tokio::test]
async fn what_is_no_statement_changes_nothing() {
    let data = temp_dir();
    let nowhere = reconcile(data.path(), HEADER).await;
    assert_eq!(nowhere.code, Some(1), "there is no shop: {nowhere:#?}");
    let shop = Server::start_on(data.path(), &[]).await;
    shop.signal(Signal::TERM);
    shop.ends_well().await;
    for line in [
        "demo,evt_1,payment.captured,7,pay_1,0,EUR,2026-01-14T10:31:00Z",
        "demo,evt_1,payment.captured,7,pay_1,19.99,EUR,2026-01-14T10:31:00Z",
        "demo,evt_1,payment.captured,7,pay_1,1999,XXZ,2026-01-14T10:31:00Z",
        "demo,evt_1,payment.stolen,7,pay_1,1999,EUR,2026-01-14T10:31:00Z",
        "demo,evt_1,payment.captured,7,pay_1,1999,EUR",
    ] {
        let ended = reconcile(data.path(), &format!("{HEADER}\n{line}\n")).await;
        assert_eq!(ended.code, Some(2), "{line}: {ended:#?}");
        assert_eq!(ended.stderr.trim().lines().count(), 1, "{line}: {ended:#?}");
    }
}
