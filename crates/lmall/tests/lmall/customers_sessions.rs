//! Sessions over HTTP: refresh tokens, and how sessions end.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Call, PASSWORD, Server, text};

fn refresh_token(session: &Value) -> &str {
    text(session, "refresh_token")
}

async fn count(shop: &Server, session: &Value) -> usize {
    let sessions = shop.as_customer(session, Call::get("/v1/sessions")).await.json(200);
    sessions["items"].as_array().expect("sessions").len()
}

#[tokio::test]
async fn a_token_is_used_once_and_a_lost_answer_locks_nobody_out() {
    let shop = Server::start().await;
    let first = shop.signed_in("ann@example.org").await;
    let second = shop.refresh(refresh_token(&first)).await.json(200);
    assert_eq!(second["session_id"], first["session_id"]);
    assert_ne!(second["access_token"], first["access_token"]);
    // The answer was lost: the same token once more, and what comes then is good.
    let again = shop.refresh(refresh_token(&first)).await.json(200);
    assert_ne!(again["refresh_token"], second["refresh_token"]);
    let third = shop.refresh(refresh_token(&again)).await.json(200);
    // The one that got lost turns up: somebody has a copy, and everything ends.
    shop.refresh(refresh_token(&second)).await.problem(401, "not-let-in");
    shop.refresh(refresh_token(&third)).await.problem(401, "not-let-in");
    assert_eq!(count(&shop, &first).await, 0);
    let happened = shop.as_customer(&first, Call::get("/v1/customers/me/activities")).await;
    assert_eq!(happened.json(200)["items"][0]["deed"], "token_reused");
}

#[tokio::test]
async fn a_token_whose_successor_is_in_use_ends_its_session_and_no_other() {
    let shop = Server::start().await;
    let stolen = shop.signed_in("ann@example.org").await;
    let other = shop.log_in("ann@example.org", PASSWORD).await.json(201);
    let second = shop.refresh(refresh_token(&stolen)).await.json(200);
    let third = shop.refresh(refresh_token(&second)).await.json(200);
    shop.refresh(refresh_token(&stolen)).await.problem(401, "not-let-in");
    shop.refresh(refresh_token(&third)).await.problem(401, "not-let-in");
    assert_eq!(shop.refresh(refresh_token(&other)).await.status, 200);
}

#[tokio::test]
async fn what_is_no_token_ends_nothing() {
    let shop = Server::start().await;
    let session = shop.signed_in("ann@example.org").await;
    let good = refresh_token(&session);
    let (names, secret) = good.rsplit_once('.').expect("three parts");
    let flipped = if secret.starts_with('A') { "B" } else { "A" };
    let bad = [
        String::new(),
        "x".to_owned(),
        format!("{names}."),
        format!("{names}.{flipped}{}", &secret[1..]),
        format!("{names}.{secret}AA"),
        good.replace("ses_", "ses_0"),
    ];
    for token in &bad {
        shop.refresh(token).await.problem(401, "not-let-in");
        let body = json!({ "refresh_token": token });
        let ended = shop.send(Call::delete("/v1/sessions/current").json(&body)).await;
        assert_eq!(ended.status, 204, "{token}");
    }
    assert_eq!(shop.refresh(good).await.status, 200);
}

#[tokio::test]
async fn of_many_who_refresh_at_once_the_last_answer_is_good() {
    let shop = Server::start().await;
    let session = shop.signed_in("ann@example.org").await;
    let all = join_all((0..4).map(|_| shop.refresh(refresh_token(&session)))).await;
    assert!(all.iter().all(|answer| matches!(answer.status, 200 | 503)), "{all:?}");
    // Which was last is not known to who asked; one more time it is.
    let last = shop.refresh(refresh_token(&session)).await.json(200);
    assert_eq!(shop.refresh(refresh_token(&last)).await.status, 200);
}

#[tokio::test]
async fn who_logs_out_is_out() {
    let shop = Server::start().await;
    let first = shop.signed_in("ann@example.org").await;
    let log_in = async || shop.log_in("ann@example.org", PASSWORD).await.json(201);
    let (second, third) = (log_in().await, log_in().await);
    assert_eq!(count(&shop, &first).await, 3);
    let body = json!({ "refresh_token": refresh_token(&first) });
    for _ in 0..2 {
        let ended = shop.send(Call::delete("/v1/sessions/current").json(&body)).await;
        assert_eq!(ended.status, 204);
    }
    shop.refresh(refresh_token(&first)).await.problem(401, "not-let-in");
    // One's own only: another customer's session is none of theirs.
    let path = format!("/v1/sessions/{}", text(&second, "session_id"));
    assert_eq!(shop.send(Call::delete(&path).customer("bob")).await.status, 204);
    assert_eq!(count(&shop, &first).await, 2);
    assert_eq!(shop.as_customer(&first, Call::delete(&path)).await.status, 204);
    assert_eq!(count(&shop, &first).await, 1);
    assert_eq!(shop.as_customer(&first, Call::delete("/v1/sessions")).await.status, 204);
    for session in [&second, &third] {
        shop.refresh(refresh_token(session)).await.problem(401, "not-let-in");
    }
}

#[tokio::test]
async fn keys_and_sessions_survive_the_process() {
    let data = crate::support::temp_dir();
    let shop = Server::start_on(data.path(), &[]).await;
    let session = shop.signed_in("ann@example.org").await;
    let keys = shop.send(Call::get("/.well-known/jwks.json")).await;
    assert_eq!(keys.header("cache-control"), "public, max-age=300");
    shop.kill();
    let shop = Server::start_on(data.path(), &[]).await;
    assert_eq!(shop.send(Call::get("/.well-known/jwks.json")).await.text(), keys.text());
    assert_eq!(shop.refresh(refresh_token(&session)).await.status, 200);
}
