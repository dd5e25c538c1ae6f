//! What ids are called in public.

use http::{Request, request::Builder};
use lmall_web::testing::{OPERATOR_TOKEN, check_refusals, json};
use serde_json::{Value, json};

use crate::support::World;

const A: &str = "a:000102030405060708090a0b0c0d0e0f";
const B: &str = "b:2b7e151628aed2a6abf7158809cf4f3c";

fn world(keys: &str) -> World {
    let world = World::new();
    world.public_ids.replace(keys.parse().unwrap_or_else(|error| panic!("{error}")));
    world
}

fn name() -> Builder {
    json(Request::post("/v1/ids/public"))
}

fn read(public: &str) -> Builder {
    Request::get(format!("/v1/ids/public/{public}"))
}

async fn value(world: &World, request: Builder, body: &'static str) -> Value {
    let answer = world.send(request, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.text).expect("JSON")
}

#[tokio::test]
async fn what_is_named_is_read_also_after_the_key_is_changed() {
    let world = world(A);
    let ids = r#"{"ids":["7212345678901","1","9223372036854775807","1"]}"#;
    let named = value(&world, name(), ids).await;
    let names: Vec<_> = named["public_ids"].as_array().expect("names").clone();
    assert_eq!(names.len(), 4);
    assert!(names[1] == names[3] && names[0] != names[1], "{names:?}");
    world.public_ids.replace(format!("{B},{A}").parse().unwrap());
    for (name, id) in names.iter().zip(["7212345678901", "1", "9223372036854775807"]) {
        let name = name.as_str().expect("a text");
        assert_eq!(value(&world, read(name), "").await, json!({ "id": id }));
        assert_eq!(value(&world, read(&name.to_uppercase()), "").await, json!({ "id": id }));
    }
    let renamed = value(&world, name(), r#"{"ids":["1"]}"#).await;
    assert!(renamed["public_ids"][0].as_str().is_some_and(|name| name.starts_with('b')));
}

#[tokio::test]
async fn what_no_key_of_ours_made_does_not_exist() {
    let world = world(A);
    let forged = ["a0000000000000000000000000g", "c0000000000000000000000000g", "a", "%zz", "7"];
    let operator = |request: Builder| request.header("x-operator-token", OPERATOR_TOKEN);
    let mut rows: Vec<_> =
        forged.iter().map(|text| (operator(read(text)), "", 404, "not-found", "")).collect();
    rows.extend([
        (read("a"), "", 401, "unauthenticated", ""),
        (read("a").header("x-operator-token", "x"), "", 403, "forbidden", ""),
        (name(), r#"{"ids":["1"]}"#, 401, "unauthenticated", ""),
        (operator(name()), r#"{"ids":[]}"#, 422, "validation", "/ids"),
        (operator(name()), r#"{"ids":["0"]}"#, 422, "validation", "/ids/0"),
        (operator(name()), r#"{"ids":[1]}"#, 422, "validation", "/ids/0"),
        (operator(name()), r#"{"ids":["1"],"key":"a"}"#, 422, "validation", "/key"),
        (operator(name()), "{", 400, "malformed", ""),
    ]);
    check_refusals(&world.router, rows).await;
}

#[tokio::test]
async fn without_keys_there_are_no_public_ids() {
    let world = World::new();
    for (request, body) in [(name(), r#"{"ids":["1"]}"#), (read("a"), "")] {
        let answer = world.send(request, body).await;
        assert_eq!(answer.status, 404);
        let detail = answer.problem().detail.expect("a detail");
        assert!(detail.contains("no keys are configured"), "{detail}");
    }
}
