//! Taking everything along, being forgotten, and becoming one.

use serde_json::{Value, json};

use crate::support::{Answer, Call, PASSWORD, Server, eventually, text};

fn id(session: &Value) -> &str {
    text(session, "customer_id")
}

async fn erase(shop: &Server, session: &Value) -> Answer {
    shop.as_customer(session, Call::delete("/v1/customers/me")).await
}

/// Everything in the data file that names this.
fn rows_with(data: &std::path::Path, what: &str) -> Vec<String> {
    let file = rusqlite::Connection::open(data.join("lmall.db")).expect("the file");
    let mut found = Vec::new();
    for table in ["customer_item", "order_item", "payment_item", "inventory_item"] {
        let query = format!("SELECT partition, sort, CAST(body AS TEXT) FROM {table}");
        let mut query = file.prepare(&query).expect("a query");
        let rows = query.query_map([], |row| {
            let [partition, sort, body]: [String; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
            Ok(format!("{table} {partition} {sort} {body}"))
        });
        found.extend(rows.expect("rows").map(|row| row.expect("a row")));
    }
    found.retain(|row| row.contains(what));
    found
}

#[tokio::test]
async fn nothing_personal_is_left_and_the_orders_stay_valid() {
    let data = crate::support::temp_dir();
    let shop = Server::start_on(data.path(), &[]).await;
    let ann = shop.signed_in("ann@example.org").await;
    shop.stock_up("tea", 5).await;
    let name = json!({ "name": "Ann Lee" });
    let named = Call::new(http::Method::PATCH, "/v1/customers/me").json(&name);
    assert_eq!(shop.as_customer(&ann, named).await.status, 200);
    let order = shop.place(id(&ann), &[("tea", 1)]).await;

    let export = shop.as_customer(&ann, Call::get("/v1/customers/me/export")).await.json(200);
    assert_eq!(export["account"]["email"], "ann@example.org");
    assert_eq!(export["orders"], json!([order]));
    assert_eq!(export["sessions"][0]["id"], ann["session_id"]);
    assert_eq!(export["activities"][0]["deed"], "logged_in");
    assert!(!export.to_string().contains("$2b$"), "no hash is anybody's business");

    let refused = erase(&shop, &ann).await.problem(409, "open-orders");
    assert!(text(&refused, "detail").starts_with("1 "), "{refused}");
    assert_eq!(shop.as_customer(&ann, Call::get("/v1/customers/me")).await.status, 200);
    shop.pay(&order).await;
    shop.order_becomes(&order, "CONFIRMED").await;
    assert_eq!(erase(&shop, &ann).await.status, 204);
    assert_eq!(erase(&shop, &ann).await.status, 204, "repeated");

    shop.as_customer(&ann, Call::get("/v1/customers/me")).await.problem(404, "not-found");
    shop.refresh(text(&ann, "refresh_token")).await.problem(401, "not-let-in");
    shop.log_in("ann@example.org", PASSWORD).await.problem(401, "not-let-in");
    assert_eq!(shop.order(id(&ann), text(&order, "id")).await["status"], "CONFIRMED");
    shop.audit_is_green().await;
    for personal in ["ann@example.org", "Ann Lee", "$2b$", "session#", "activity#"] {
        assert_eq!(rows_with(data.path(), personal), Vec::<String>::new(), "{personal}");
    }
    let events = rows_with(data.path(), "customer.erased");
    assert_eq!(events.len(), 1, "{events:?}");

    // The address is free, and whoever has it now is somebody else.
    let body = json!({ "email": "ann@example.org", "password": PASSWORD });
    assert_eq!(shop.send(Call::post("/v1/customers").json(&body)).await.status, 202);
    let mail = shop.mail("ann@example.org", 2).await;
    assert_eq!(shop.verify(text(&mail, "token"), PASSWORD).await.status, 204);
    let new = shop.log_in("ann@example.org", PASSWORD).await.json(201);
    assert_ne!(new["customer_id"], ann["customer_id"]);
}

#[tokio::test]
async fn a_crash_while_somebody_leaves_leaves_nothing_behind() {
    let data = crate::support::temp_dir();
    let shop = Server::start_on(data.path(), &[]).await;
    let ann = shop.signed_in("ann@example.org").await;
    let bob = shop.signed_in("bob@example.org").await;
    assert_eq!(erase(&shop, &ann).await.status, 204);
    shop.kill();
    // As if the process had died between the tombstone and the rows beside it.
    let file = rusqlite::Connection::open(data.path().join("lmall.db")).expect("the file");
    let change = "UPDATE customer_item SET body = replace(CAST(body AS TEXT), \
        '\"wiped\":true', '\"wiped\":false') WHERE sort = 'customer' AND partition = ?1";
    let partition = format!("customer#{}", id(&ann));
    assert_eq!(file.execute(change, [&partition]).expect("a change"), 1);
    let change = "UPDATE customer_item SET partition = ?1 WHERE partition = ?2 AND \
        (sort LIKE 'activity#%')";
    let from = format!("customer#{}", id(&bob));
    assert!(file.execute(change, [&partition, &from]).expect("a change") > 0);
    drop(file);
    let shop = Server::start_on(data.path(), &[]).await;
    assert_eq!(erase(&shop, &ann).await.status, 204);
    assert_eq!(rows_with(data.path(), "activity#"), Vec::<String>::new());
}

async fn merge(shop: &Server, into: &Value, body: &Value) -> Answer {
    let call = Call::post("/v1/customers/me/merges").json(body);
    shop.as_customer(into, call).await
}

#[tokio::test]
async fn two_accounts_of_one_person_become_one_with_all_orders() {
    let shop = Server::start().await;
    shop.stock_up("tea", 500).await;
    let work = shop.signed_in("ann@work.example").await;
    let home = shop.signed_in("ann@home.example").await;
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(shop.place(id(&work), &[("tea", 1)]).await);
    }
    let own = shop.place(id(&home), &[("tea", 1)]).await;
    let proof = |password: &str| json!({ "email": "ann@work.example", "password": password });
    merge(&shop, &home, &proof("not the password")).await.problem(401, "not-let-in");
    let nothing = json!({ "email": "ann@work.example" });
    assert_eq!(merge(&shop, &home, &nothing).await.pointers(), [""]);
    let itself = json!({ "email": "ann@home.example", "password": PASSWORD });
    merge(&shop, &home, &itself).await.problem(409, "not-mergeable");

    let merged = merge(&shop, &home, &proof(PASSWORD)).await.json(200);
    assert_eq!(merged, json!({ "merged": id(&work) }));
    assert_eq!(merge(&shop, &home, &proof(PASSWORD)).await.json(200), json!({}), "repeated");
    shop.refresh(text(&work, "refresh_token")).await.problem(401, "not-let-in");
    let account = shop.as_customer(&home, Call::get("/v1/customers/me")).await.json(200);
    assert_eq!(account["other_emails"], json!(["ann@work.example"]));
    let again = shop.log_in("ann@work.example", PASSWORD).await.json(201);
    assert_eq!(again["customer_id"], home["customer_id"], "the other address leads here, too");

    eventually("the orders follow", async || {
        let list = shop.as_customer(&home, Call::get("/v1/orders")).await.json(200);
        let found = list["items"].as_array().expect("orders").len();
        if found == 4 { Ok(()) } else { Err(list.to_string()) }
    })
    .await;
    let left = shop.as_customer(&work, Call::get("/v1/orders")).await.json(200);
    assert_eq!(left["items"], json!([]));
    // They go on under the new owner.
    for order in orders.iter().chain([&own]) {
        shop.pay(order).await;
    }
    for order in &orders {
        let mut adopted = order.clone();
        adopted["customer_id"] = home["customer_id"].clone();
        shop.order_becomes(&adopted, "CONFIRMED").await;
    }
}

#[tokio::test]
async fn a_session_of_the_other_account_proves_it_too() {
    let shop = Server::start().await;
    let work = shop.signed_in("ann@work.example").await;
    let home = shop.signed_in("ann@home.example").await;
    let used = text(&work, "refresh_token").to_owned();
    let fresh = shop.refresh(&used).await.json(200);
    let proof = |token: &str| json!({ "refresh_token": token });
    merge(&shop, &home, &proof(&used)).await.problem(401, "not-let-in");
    let token = text(&fresh, "refresh_token");
    assert_eq!(merge(&shop, &home, &proof(token)).await.json(200)["merged"], work["customer_id"]);
    assert_eq!(merge(&shop, &home, &proof(token)).await.json(200), json!({}), "repeated");
    // An erased account takes the other one's address along.
    assert_eq!(erase(&shop, &home).await.status, 204);
    assert_eq!(shop.register("ann@work.example", PASSWORD).await.status, 202);
    assert_eq!(shop.mail("ann@work.example", 2).await["purpose"], "verify_email");
}
