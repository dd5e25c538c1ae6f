//! What all routes have in common.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::support::{Call, Server, captured, temp_dir, text};
use http::Method;
use rusqlite::Connection;

/// What is looked for before anybody is asked who they are; there is no such thing here.
const LOOKING: [&str; 6] = [
    "/v1/products/tea",
    "/v1/products/tea/recommendations",
    "/v1/products/tea/reviews",
    "/v1/inventory/tea",
    "/v1/sessions/providers/none",
    "/v1/sessions/providers/none/callback",
];

/// Every route of the contract.
const ROUTES: [(&str, &str); 69] = [
    ("post", "/v1/orders"),
    ("get", "/v1/orders/{id}"),
    ("get", "/v1/orders"),
    ("post", "/v1/orders/{id}/cancel"),
    ("get", "/v1/orders/{id}/events"),
    ("get", "/v1/inventory/{sku}"),
    ("post", "/v1/inventory/{sku}/receipts"),
    ("post", "/v1/inventory/{sku}/adjustments"),
    ("post", "/v1/webhooks/{provider}"),
    ("get", "/v1/payments/{order_id}"),
    ("get", "/v1/products"),
    ("get", "/v1/products/{sku}"),
    ("put", "/v1/products/{sku}"),
    ("get", "/v1/products/{sku}/pricing"),
    ("put", "/v1/products/{sku}/pricing"),
    ("get", "/v1/products/{sku}/recommendations"),
    ("get", "/v1/products/{sku}/reviews"),
    ("post", "/v1/products/{sku}/reviews"),
    ("get", "/v1/categories"),
    ("put", "/v1/categories/{path}"),
    ("post", "/v1/quotes"),
    ("get", "/v1/search"),
    ("get", "/v1/ops/summary"),
    ("get", "/v1/ops/dead-letters"),
    ("post", "/v1/ops/dead-letters/replay"),
    ("post", "/v1/ops/audit"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
    ("get", "/.well-known/jwks.json"),
    ("post", "/v1/customers"),
    ("post", "/v1/customers/email-change/confirm"),
    ("get", "/v1/customers/me"),
    ("delete", "/v1/customers/me"),
    ("patch", "/v1/customers/me"),
    ("get", "/v1/customers/me/activities"),
    ("get", "/v1/customers/me/addresses"),
    ("put", "/v1/customers/me/addresses/{id}"),
    ("delete", "/v1/customers/me/addresses/{id}"),
    ("post", "/v1/customers/me/email"),
    ("get", "/v1/customers/me/export"),
    ("post", "/v1/customers/me/merges"),
    ("post", "/v1/customers/me/password"),
    ("get", "/v1/customers/me/preferences"),
    ("put", "/v1/customers/me/preferences"),
    ("post", "/v1/customers/password-reset"),
    ("post", "/v1/customers/password-reset/confirm"),
    ("post", "/v1/customers/verification"),
    ("post", "/v1/customers/verification/confirm"),
    ("get", "/v1/sessions"),
    ("post", "/v1/sessions"),
    ("delete", "/v1/sessions"),
    ("delete", "/v1/sessions/current"),
    ("get", "/v1/sessions/providers"),
    ("get", "/v1/sessions/providers/{name}"),
    ("get", "/v1/sessions/providers/{name}/callback"),
    ("post", "/v1/sessions/refresh"),
    ("delete", "/v1/sessions/{id}"),
    ("get", "/v1/ids"),
    ("post", "/v1/ids/public"),
    ("get", "/v1/ids/public/{public_id}"),
    ("get", "/v1/waiting-rooms/{sku}"),
    ("put", "/v1/waiting-rooms/{sku}"),
    ("delete", "/v1/waiting-rooms/{sku}"),
    ("get", "/v1/waiting-rooms/{sku}/place"),
    ("post", "/v1/waiting-rooms/{sku}/place"),
    ("delete", "/v1/waiting-rooms/{sku}/place"),
    ("get", "/v1/waiting-rooms/{sku}/place/events"),
];

/// The largest body, in bytes.
const BODY_MAX: usize = 256 * 1024;

#[tokio::test]
async fn every_error_is_a_problem_that_gives_nothing_away() {
    let shop = Server::start().await;
    shop.stock_up("tea", 1).await;
    let order = shop.place("ann", &[("tea", 1)]).await;
    shop.pay(&order).await;
    shop.order_becomes(&order, "CONFIRMED").await;
    let cancel = format!("/v1/orders/{}/cancel", text(&order, "id"));
    let post = |body: &str| Call::post("/v1/orders").customer("ann").json_text(body.to_owned());
    let rows = [
        (post("{"), 400, "malformed"),
        (Call::get("/v1/orders"), 401, "unauthenticated"),
        (Call::get("/v1/ops/summary").header("x-operator-token", "x"), 403, "forbidden"),
        (Call::get("/v1/orders/7").customer("ann"), 404, "not-found"),
        (Call::get("/nowhere?x=1"), 404, "not-found"),
        (Call::get("/"), 404, "not-found"),
        (Call::get("/v1/orders/"), 404, "not-found"),
        (Call::new(Method::DELETE, "/v1/orders"), 405, "method-not-allowed"),
        (Call::post(cancel).customer("ann"), 409, "not-cancelable"),
        (Call::post("/v1/orders").customer("ann").body("{}"), 415, "unsupported-media-type"),
        (post("{}"), 422, "validation"),
    ];
    for (call, status, kind) in rows {
        let answer = shop.send(call).await;
        answer.problem(status, kind);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        for internal in [".rs", "lmall_", "rusqlite", "sqlite", "panicked", "struct "] {
            assert!(!answer.text().contains(internal), "{}", answer.text());
        }
    }
    let fine = shop.send(Call::get("/v1/products")).await;
    assert_eq!(fine.header("x-content-type-options"), "nosniff");
    assert_eq!(fine.header("cache-control"), "no-store");
}

/// Sends each call many times on kept-alive connections, and always gets the answer.
async fn check_large(rows: Vec<(Call, u16, &str)>) {
    let shop = Server::start().await;
    for (call, status, kind) in rows {
        for _ in 0..30 {
            shop.send(call.clone()).await.problem(status, kind);
        }
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_told_so_every_time() {
    // A server that hangs up on a client that still sends may take its answer with it.
    let order = |len| Call::post("/v1/orders").customer("ann").json_text(" ".repeat(len));
    check_large(vec![
        (order(BODY_MAX), 400, "malformed"),
        (order(BODY_MAX + 1), 413, "payload-too-large"),
        (order(BODY_MAX * 2), 413, "payload-too-large"),
        (Call::post("/v1/webhooks/demo").body(" ".repeat(BODY_MAX + 1)), 413, "payload-too-large"),
    ])
    .await;
}

#[tokio::test]
async fn a_refusal_before_the_body_is_read_leaves_the_connection_usable_or_says_so() {
    let body = || " ".repeat(BODY_MAX);
    check_large(vec![
        (Call::post("/v1/orders").json_text(body()), 401, "unauthenticated"),
        (Call::post("/v1/orders").customer("ann").body(body()), 415, "unsupported-media-type"),
        (Call::post("/v1/ops/audit").body(body()), 401, "unauthenticated"),
        (Call::post("/v1/webhooks/nobody").body(body()), 404, "not-found"),
        (Call::post("/nowhere").body(body()), 404, "not-found"),
        (Call::put("/v1/orders").body(body()), 405, "method-not-allowed"),
    ])
    .await;
}

#[tokio::test]
async fn methods_are_answered_with_what_there_is() {
    let shop = Server::start().await;
    let rows = [
        (Method::DELETE, "/v1/orders", 405, "GET,HEAD,POST"),
        (Method::PATCH, "/v1/orders/7", 405, "GET,HEAD"),
        (Method::GET, "/v1/orders/7/cancel", 405, "POST"),
        (Method::POST, "/v1/products/tea", 405, "GET,HEAD,PUT"),
        (Method::GET, "/v1/ops/audit", 405, "POST"),
        (Method::GET, "/v1/webhooks/demo", 405, "POST"),
        (Method::OPTIONS, "/v1/ops/audit", 204, "POST"),
        (Method::HEAD, "/v1/products", 200, ""),
    ];
    for (method, path, status, allow) in rows {
        let answer = shop.send(Call::new(method.clone(), path)).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        let mut allowed: Vec<_> =
            answer.header("allow").split(',').map(str::trim).map(str::to_owned).collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn a_request_id_is_taken_or_made_and_returned() {
    let shop = Server::start().await;
    let longest = "r".repeat(128);
    for id in ["r-1_2.3", &longest] {
        let answer = shop.send(Call::get("/v1/products").header("x-request-id", id)).await;
        assert_eq!(answer.header("x-request-id"), id);
    }
    let mut made = Vec::new();
    for id in ["", "a b", "r\tr", &"r".repeat(129), "<script>"] {
        let answer = shop.send(Call::get("/nowhere").header("x-request-id", id)).await;
        made.push(answer.header("x-request-id").to_owned());
        assert_ne!(made.last().map(String::as_str), Some(id));
    }
    made.sort_unstable();
    made.dedup();
    assert!(made.len() == 5 && made.iter().all(|id| id.len() >= 16), "{made:?}");
}

#[tokio::test]
async fn a_request_id_and_a_trace_travel_with_the_events() {
    let trace = |digit: &str| format!("00-{}-{}-01", digit.repeat(32), digit.repeat(16));
    let data = temp_dir();
    let shop = Server::start_on(data.path(), &[]).await;
    shop.stock_up("tea", 1).await;
    let call = Call::place("ann", &[("tea", 1)]).wait(10);
    let call = call.header("x-request-id", "req-place").header("traceparent", trace("a"));
    let order = shop.send(call).await.json(201);
    let event = captured("evt_1", text(&order, "id"), &order["total"]);
    let call = Call::demo_webhook(&event).header("x-request-id", "req-pay");
    shop.send(call.header("traceparent", trace("b"))).await.json(200);
    shop.order_where(&order, "its stock is sold", |order| order["stock"] == "sold").await;
    shop.signal(rustix::process::Signal::TERM);
    shop.ends_well().await;

    let file = Connection::open(data.path().join("lmall.db")).expect("the data file");
    let rows = |table: &str, event_id: &str| -> Vec<String> {
        let sql = format!("SELECT body FROM {table}_item WHERE body LIKE ?1");
        let mut statement = file.prepare(&sql).expect("a query");
        let found = statement.query_map([format!("%{event_id}%")], |row| row.get(0));
        found.expect("rows").map(|row| row.expect("a text")).collect()
    };
    let id = text(&order, "id");
    let expected = [
        ("order", format!("{id}-order-1"), "req-place", trace("a")),
        ("inventory", format!("{id}-inventory-1"), "req-place", trace("a")),
        ("payment", format!("{id}-payment-1"), "req-pay", trace("b")),
        ("order", format!("{id}-order-2"), "req-pay", trace("b")),
        ("inventory", format!("{id}-inventory-2"), "req-pay", trace("b")),
    ];
    for (table, event_id, request_id, trace) in expected {
        let rows = rows(table, &event_id);
        let carried = |row: &String| row.contains(request_id) && row.contains(&trace);
        assert!(rows.iter().any(carried), "{event_id} without {request_id}, {trace}: {rows:#?}");
    }
}

#[tokio::test]
async fn a_server_tells_how_it_is() {
    let shop = Server::start().await;
    assert_eq!(shop.send(Call::get("/healthz")).await.json(200)["status"], "ok");
    assert_eq!(shop.send(Call::get("/readyz")).await.json(200)["status"], "ready");
    shop.stock_up("tea", 1).await;
    let order = shop.place("ann", &[("tea", 1)]).await;
    let metrics = shop.send(Call::get("/metrics")).await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    let metrics = metrics.text();
    assert!(metrics.contains("\"/v1/products/{sku}\""), "routes by template: {metrics}");
    for leak in [text(&order, "id"), "operator-token", "whsec_"] {
        assert!(!metrics.contains(leak), "{leak} in {metrics}");
    }
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').expect("a name and a value");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn the_document_has_every_route_and_the_server_too() {
    let shop = Server::start().await;
    let document = shop.send(Call::get("/openapi.json")).await.json(200);
    assert!(text(&document, "openapi").starts_with("3."));
    let paths = document["paths"].as_object().expect("paths");
    for (method, path) in ROUTES {
        let operation = paths.get(path).map(|item| &item[method]);
        let described = operation.is_some_and(|operation| operation["responses"].is_object());
        assert!(described, "{method} {path}");
    }
    let documented = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("an object").keys();
        methods.map(move |method| (method.as_str(), path.as_str()))
    });
    for (method, path) in documented {
        assert!(ROUTES.contains(&(method, path)), "{method} {path} is not in the contract");
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
        let path = path.replace("{sku}", "tea").replace("{provider}", "demo");
        let path = path.replace("{id}", "7").replace("{order_id}", "7").replace("{name}", "none");
        let answer = shop.send(Call::new(method.clone(), &path)).await;
        assert_ne!(answer.status, 405, "{method} {path}");
        // Those that need an identity ask for it first, so that only these look.
        let looks = method == Method::GET && LOOKING.contains(&path.as_str());
        assert_eq!(answer.status == 404, looks, "{method} {path}: {}", answer.text());
    }
}

/// How a placing begins that is written by hand.
const POST_HEAD: &str = "POST /v1/orders HTTP/1.1\r\nhost: x\r\nx-customer-id: ann\r\n\
                         connection: close\r\n";

/// The first line of the answer to these bytes.
fn first_line(shop: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(shop.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
    // The server may have answered and hung up before it read everything.
    let _hung_up = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _hung_up = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_body_that_is_announced_far_too_large_is_refused_at_once() {
    let shop = Server::start().await;
    let length = "content-type: application/json\r\ncontent-length: 99999999999\r\n\r\n";
    let line = first_line(&shop, format!("{POST_HEAD}{length}").as_bytes());
    assert!(line.starts_with("HTTP/1.1 413"), "{line:?}");
}

#[tokio::test]
async fn bytes_that_are_no_request_do_no_harm() {
    let shop = Server::start().await;
    let chunks = format!("{:x}\r\n{}\r\n0\r\n\r\n", 300_000, " ".repeat(300_000));
    let head = POST_HEAD;
    let rows = [
        ("\x16\x03\x01\x02\x00\x01".to_owned(), "HTTP/1.1 400"),
        ("GET /\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        (
            format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(1_000_000)),
            "HTTP/1.1 431",
        ),
        (
            format!(
                "{head}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
            ),
            "HTTP/1.1 413",
        ),
        (format!("{head}content-length: -1\r\n\r\n"), "HTTP/1.1 400"),
    ];
    for (bytes, status) in rows {
        let line = first_line(&shop, bytes.as_bytes());
        let begin: String = bytes.chars().take(60).collect();
        assert!(line.starts_with(status), "{line:?} to {begin:?}");
    }
    shop.send(Call::get("/healthz")).await.json(200);
}
