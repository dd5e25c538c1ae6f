//! A flash sale before a gateway that is killed in the middle of it.

use serde_json::json;

use crate::{
    api_waiting::PLACE,
    support::{Api, Call, Installation, text},
};

const CUSTOMERS: usize = 12;
const UNITS: u32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_takes_no_place_and_no_admission_with_it() {
    let mut shop = Installation::start(&[]).await;
    let api = Api::new(shop.gateway.url.clone());
    api.stock_up("tea", 100).await;
    api.sale(UNITS, 1_000).await;
    let names: Vec<_> = (0..CUSTOMERS).map(|number| format!("c{number:02}")).collect();
    for name in &names {
        api.send(Call::post(PLACE).customer(name)).await.json(201);
    }
    let mut tokens = Vec::new();
    for name in &names[..3] {
        tokens.push(api.token(name).await);
    }
    shop.gateway.dies_and_comes_again();

    api.send(Call::place("ann", &[("tea", 1)])).await.problem(403, "not-admitted");
    for (number, name) in names.iter().enumerate().skip(3) {
        let place = api.look(name).await;
        assert_eq!(place["place"], json!(number - 2), "{name}: {place}");
    }
    // One leaves, and the next one is let through by the gateway that came after.
    assert_eq!(api.send(Call::delete(PLACE).customer(&names[0])).await.status, 204);
    let next = api.token(&names[3]).await;
    api.order_tea(&names[0], &tokens[0]).await.problem(403, "not-admitted");
    for (name, token) in [(&names[1], &tokens[1]), (&names[2], &tokens[2]), (&names[3], &next)] {
        assert_eq!(text(&api.look(name).await, "token"), token, "the same as before");
        api.order_tea(name, token).await.json(201);
        api.order_tea(name, token).await.problem(409, "admission-used");
    }
    assert_eq!(api.look(&names[4]).await["status"], "sold_out");
    let room = api.room().await;
    assert_eq!((&room["ordered"], &room["promised"]), (&json!(3), &json!(0)), "{room}");
    api.audit_is_green().await;
    shop.ends_well();
}
