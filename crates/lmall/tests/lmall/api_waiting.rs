//! Flash sales over HTTP: the line, and the token.

use serde_json::{Value, json};

use crate::support::{Answer, Api, Call, Server, eventually, text};

pub(crate) const ROOM: &str = "/v1/waiting-rooms/tea";
pub(crate) const PLACE: &str = "/v1/waiting-rooms/tea/place";

impl Api {
    /// Begins a flash sale of tea.
    pub(crate) async fn sale(&self, units: u32, per_s: u32) -> Value {
        let body = json!({ "units": units, "admitted_per_s": per_s, "heartbeat_s": 60 });
        let answer = self.send(Call::put(ROOM).operator().json(&body)).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        answer.json(answer.status)
    }

    pub(crate) async fn join(&self, customer: &str) -> Answer {
        self.send(Call::post(PLACE).customer(customer)).await
    }

    pub(crate) async fn look(&self, customer: &str) -> Value {
        self.send(Call::get(PLACE).customer(customer)).await.json(200)
    }

    /// The token, once it is the customer's turn.
    pub(crate) async fn token(&self, customer: &str) -> String {
        eventually("it is their turn", async || {
            let place = self.look(customer).await;
            match place["status"].as_str() {
                Some("admitted") => Ok(text(&place, "token").to_owned()),
                _ => Err(place.to_string()),
            }
        })
        .await
    }

    pub(crate) async fn order_tea(&self, customer: &str, token: &str) -> Answer {
        let call = Call::place(customer, &[("tea", 1)]).header("x-admission-token", token);
        self.send(call).await
    }

    pub(crate) async fn room(&self) -> Value {
        self.send(Call::get(ROOM).operator()).await.json(200)
    }
}

#[tokio::test]
async fn a_flash_sale_from_its_beginning_to_its_end() {
    let shop = Server::start().await;
    shop.stock_up("tea", 100).await;
    shop.send(Call::place("ann", &[("tea", 1)])).await.json(201);
    shop.join("ann").await.problem(404, "not-found");
    let room = shop.sale(1, 1_000).await;
    assert_eq!((&room["units"], &room["token_life_s"]), (&json!(1), &json!(120)));
    let refused = shop.send(Call::place("ann", &[("tea", 1)])).await.problem(403, "not-admitted");
    assert!(text(&refused, "detail").contains("waiting room"), "{refused}");

    let first = shop.join("ann").await;
    assert!(first.status == 201, "{}", first.text());
    assert_eq!(shop.join("ann").await.status, 200, "again");
    shop.join("bob").await.json(201);
    let token = shop.token("ann").await;
    assert_eq!(shop.token("ann").await, token, "a lost answer is given again");
    let waits = shop.look("bob").await;
    assert_eq!((&waits["status"], &waits["place"]), (&json!("waiting"), &json!(1)), "{waits}");
    assert_eq!((&waits["heartbeat_s"], &waits["estimate"]), (&json!(60), &Value::Null));

    shop.order_tea("bob", &token).await.problem(403, "not-admitted");
    shop.order_tea("ann", "v1.a.forged.token").await.problem(403, "not-admitted");
    let two = Call::place("ann", &[("tea", 2)]).header("x-admission-token", &token);
    shop.send(two).await.problem(403, "not-admitted");
    let keyed = || {
        let call = Call::place("ann", &[("tea", 1)]).header("x-admission-token", &token);
        call.header("idempotency-key", "once")
    };
    let order = shop.send(keyed()).await.json(201);
    let again = shop.send(keyed()).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json(201)["id"], order["id"]);
    shop.order_tea("ann", &token).await.problem(409, "admission-used");
    assert_eq!(shop.look("ann").await["status"], "ordered");
    assert_eq!(shop.look("bob").await["status"], "sold_out");
    shop.join("cid").await.problem(409, "sold-out");
    let room = shop.room().await;
    assert_eq!((&room["ordered"], &room["promised"]), (&json!(1), &json!(0)), "{room}");

    // More of it; and then it is over, and everything as before.
    shop.sale(2, 1_000).await;
    let token = shop.token("bob").await;
    for _ in 0..2 {
        assert_eq!(shop.send(Call::delete(ROOM).operator()).await.status, 204);
    }
    shop.send(Call::get(PLACE).customer("bob")).await.problem(404, "not-found");
    shop.order_tea("bob", &token).await.json(201);
    shop.send(Call::place("cid", &[("tea", 3)])).await.json(201);
    shop.audit_is_green().await;
}

#[tokio::test]
async fn who_leaves_makes_room_for_the_next() {
    let shop = Server::start().await;
    shop.stock_up("tea", 1).await;
    shop.sale(1, 1_000).await;
    for name in ["ann", "bob"] {
        shop.join(name).await.json(201);
    }
    let token = shop.token("ann").await;
    assert_eq!(shop.send(Call::delete(PLACE).customer("ann")).await.status, 204);
    let next = shop.token("bob").await;
    // Ann's token is void from then on, not merely old.
    shop.order_tea("ann", &token).await.problem(403, "not-admitted");
    shop.order_tea("bob", &next).await.json(201);
}

#[tokio::test]
async fn a_stream_tells_of_each_change_and_ends_with_the_last() {
    let shop = Server::start().await;
    shop.stock_up("tea", 10).await;
    shop.sale(1, 1_000).await;
    for name in ["ann", "bob"] {
        shop.join(name).await.json(201);
    }
    let events = format!("{PLACE}/events");
    shop.send(Call::get(&events).customer("eve")).await.problem(404, "not-found");
    shop.send(Call::get(&events)).await.problem(401, "unauthenticated");
    let token = shop.token("ann").await;
    let listen = async {
        let answer = shop.send(Call::get(&events).customer("bob")).await;
        assert_eq!(answer.header("content-type"), "text/event-stream");
        answer.text()
    };
    let order = async {
        // Bob listens, or will: the first event is the place as it is then.
        shop.order_tea("ann", &token).await.json(201);
    };
    let (heard, ()) = tokio::join!(listen, order);
    let last = heard.lines().filter_map(|line| line.strip_prefix("data: ")).next_back();
    let last: Value = serde_json::from_str(last.expect("an event")).expect("JSON");
    assert_eq!(last["status"], "sold_out", "{heard}");
    assert!(heard.contains("event: place\n"), "{heard}");
}

#[tokio::test]
async fn only_an_operator_opens_a_room_and_only_one_that_can_be() {
    let shop = Server::start().await;
    let good = json!({ "units": 1, "admitted_per_s": 1 });
    shop.send(Call::put(ROOM).json(&good)).await.problem(401, "unauthenticated");
    shop.send(Call::delete(ROOM)).await.problem(401, "unauthenticated");
    shop.send(Call::get(ROOM)).await.problem(401, "unauthenticated");
    shop.send(Call::get(ROOM).operator()).await.problem(404, "not-found");
    shop.send(Call::post(PLACE)).await.problem(401, "unauthenticated");
    for (body, pointer) in [
        (json!({ "units": 0, "admitted_per_s": 1 }), "/units"),
        (json!({ "units": 1 }), "/admitted_per_s"),
        (json!({ "units": 1, "admitted_per_s": 1, "speed": 2 }), "/speed"),
        (json!({ "units": 1, "admitted_per_s": 1, "heartbeat_s": 301 }), "/heartbeat_s"),
    ] {
        let answer = shop.send(Call::put(ROOM).operator().json(&body)).await;
        let problem = answer.problem(422, "validation");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let two = Call::place("ann", &[("tea", 1)]);
    let two = two.header("x-admission-token", "a").header("x-admission-token", "b");
    shop.send(two).await.problem(403, "not-admitted");
}
