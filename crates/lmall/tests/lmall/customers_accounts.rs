//! Accounts over HTTP: from registration to an access token that others verify.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use http::Method;
use serde_json::{Value, json};

use crate::support::{Call, PASSWORD, Server, text};

/// What `PyJWT` makes of these tokens, with the keys at this address.
fn verified_by_pyjwt(server: &Server, tokens: &[&str]) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../../.local/venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/test", python.display());
    let mut child = Command::new(python)
        .arg(root.join("tests/lmall/verify_tokens.py"))
        .arg(format!("{}/.well-known/jwks.json", server.base))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(json!(tokens).to_string().as_bytes()).expect("the interpreter reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the interpreter ends");
    assert!(output.status.success(), "run scripts/test, which installs the library");
    serde_json::from_slice(&output.stdout).expect("the answers are JSON")
}

#[tokio::test]
async fn who_registers_proves_the_address_and_logs_in_with_a_token_that_others_verify() {
    let shop = Server::start().await;
    let body = json!({ "email": "Ann@Example.org", "password": PASSWORD, "name": "Ann Lee" });
    let registered = shop.send(Call::post("/v1/customers").json(&body)).await;
    assert_eq!((registered.status, registered.text().as_str()), (202, ""));
    let mail = shop.mail("ann@example.org", 1).await;
    assert_eq!(mail["purpose"], "verify_email");
    // Nobody is let in before, and the link alone is not enough.
    shop.log_in("ann@example.org", PASSWORD).await.problem(401, "not-let-in");
    let token = text(&mail, "token");
    shop.verify(token, "another password").await.problem(401, "not-let-in");
    assert_eq!(shop.verify(token, PASSWORD).await.status, 204);
    shop.verify(token, PASSWORD).await.problem(401, "not-let-in");

    let session = shop.log_in("ANN@example.ORG", PASSWORD).await.json(201);
    let other = shop.signed_in("bob@example.org").await;
    let token = text(&session, "access_token");
    let (head, signature) = token.rsplit_once('.').expect("three parts");
    let (_, stolen) = text(&other, "access_token").rsplit_once('.').expect("three parts");
    let forged = [format!("{head}.{stolen}"), format!("{head}.")];
    assert_ne!(signature, stolen);
    let seen = verified_by_pyjwt(&shop, &[token, &forged[0], &forged[1]]);
    let claims = &seen[0];
    assert_eq!(claims["sub"], session["customer_id"], "{claims}");
    assert_eq!(claims["sid"], session["session_id"], "{claims}");
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("lmall"), &json!("lmall")));
    let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!((life, &session["expires_in"]), (600, &json!(600)));
    assert_eq!(&seen[1..], [json!("InvalidSignatureError"), json!("InvalidSignatureError")]);
}

#[tokio::test]
async fn a_known_address_is_answered_like_a_new_one_and_its_owner_is_told() {
    let shop = Server::start().await;
    shop.signed_in("ann@example.org").await;
    let again = shop.register("ann@example.org", "a stranger's password").await;
    let new = shop.register("new@example.org", "a stranger's password").await;
    assert_eq!((again.status, again.text()), (new.status, new.text()));
    let mail = shop.mail("ann@example.org", 2).await;
    assert_eq!((&mail["purpose"], &mail["token"]), (&json!("already_registered"), &Value::Null));
    shop.log_in("ann@example.org", "a stranger's password").await.problem(401, "not-let-in");
    assert_eq!(shop.log_in("ann@example.org", PASSWORD).await.status, 201);
    let unknown = shop.log_in("nobody@example.org", PASSWORD).await.problem(401, "not-let-in");
    let wrong = shop.log_in("ann@example.org", "not the password").await.problem(401, "not-let-in");
    assert_eq!(unknown, wrong);
}

#[tokio::test]
async fn whoever_registered_first_waits_in_vain_for_an_address_that_is_not_theirs() {
    let shop = Server::start().await;
    assert_eq!(shop.register("ann@example.org", "the attacker's own").await.status, 202);
    let first = shop.mail("ann@example.org", 1).await;
    assert_eq!(shop.register("ann@example.org", PASSWORD).await.status, 202);
    let second = shop.mail("ann@example.org", 2).await;
    // Even if the owner follows the stranger's link, with their own password.
    shop.verify(text(&first, "token"), PASSWORD).await.problem(401, "not-let-in");
    shop.verify(text(&second, "token"), "the attacker's own").await.problem(401, "not-let-in");
    assert_eq!(shop.verify(text(&second, "token"), PASSWORD).await.status, 204);
    shop.log_in("ann@example.org", "the attacker's own").await.problem(401, "not-let-in");
}

#[tokio::test]
async fn what_customers_say_of_themselves_is_kept() {
    let shop = Server::start().await;
    let ann = shop.signed_in("ann@example.org").await;
    let me = |call: Call| shop.as_customer(&ann, call);
    let patch = |body: Value| Call::new(Method::PATCH, "/v1/customers/me").json(&body);
    assert_eq!(me(patch(json!({ "name": "Ann Lee" }))).await.json(200)["name"], "Ann Lee");
    assert_eq!(me(patch(json!({}))).await.json(200)["name"], "Ann Lee", "absent is not null");
    let account = me(Call::get("/v1/customers/me")).await.json(200);
    assert_eq!(account["email"], "ann@example.org");
    assert_eq!(account["has_password"], true);
    assert!(account.get("password").is_none(), "{account}");
    let home = json!({
        "recipient": "Ann Lee", "line1": "1 Main St", "city": "Springfield", "country": "US",
    });
    let put =
        |id: &str, body: &Value| Call::put(format!("/v1/customers/me/addresses/{id}")).json(body);
    assert_eq!(me(put("home", &home)).await.status, 204);
    let mut moved = home.clone();
    moved["country"] = json!("usa");
    assert_eq!(me(put("home", &moved)).await.pointers(), ["/country"]);
    let listed = me(Call::get("/v1/customers/me/addresses")).await.json(200);
    assert_eq!(listed["items"], json!([{ "id": "home", "address": home }]));
    assert_eq!(me(Call::delete("/v1/customers/me/addresses/home")).await.status, 204);
    assert_eq!(me(Call::delete("/v1/customers/me/addresses/home")).await.status, 204);
    let wish = json!({ "language": "pt-BR", "currency": "EUR", "newsletter": true });
    let path = "/v1/customers/me/preferences";
    assert_eq!(me(Call::put(path).json(&wish)).await.json(200), wish);
    assert_eq!(me(Call::get(path)).await.json(200), wish);
    let happened = me(Call::get("/v1/customers/me/activities?limit=2")).await.json(200);
    let deeds: Vec<_> = happened["items"].as_array().unwrap().iter().map(|a| &a["deed"]).collect();
    assert_eq!(deeds, ["logged_in", "email_verified"]);
    let next = format!("?cursor={}", text(&happened, "next_cursor"));
    let rest = me(Call::get(format!("/v1/customers/me/activities{next}"))).await.json(200);
    assert_eq!(rest["items"][0]["deed"], "registered");
    // Who has no account has nothing, and an order needs none.
    shop.send(Call::get("/v1/customers/me").customer("bob")).await.problem(404, "not-found");
    shop.send(Call::get("/v1/customers/me")).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn who_guesses_has_to_wait() {
    let shop = Server::start().await;
    shop.signed_in("ann@example.org").await;
    let guess = async || shop.log_in("ann@example.org", "some wrong password").await;
    // One of the ten was the login.
    for _ in 0..9 {
        guess().await.problem(401, "not-let-in");
    }
    let limited = guess().await;
    limited.problem(429, "rate-limited");
    let wait: u32 = limited.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    // The right password is not tried either: who guesses must not learn that it was right.
    shop.log_in("ann@example.org", PASSWORD).await.problem(429, "rate-limited");
    // An address that nobody has is limited alike, and another one is not.
    for _ in 0..10 {
        shop.log_in("nobody@example.org", "some wrong password").await.problem(401, "not-let-in");
    }
    shop.log_in("nobody@example.org", PASSWORD).await.problem(429, "rate-limited");
    shop.log_in("bob@example.org", PASSWORD).await.problem(401, "not-let-in");
}

#[tokio::test]
async fn no_secret_and_no_person_is_in_the_log_or_in_an_event() {
    let shop = Server::start_with(&[("LMALL_LOG", "trace")]).await;
    let ann = shop.signed_in("ann@example.org").await;
    shop.log_in("ann@example.org", "not the password").await.problem(401, "not-let-in");
    let token = text(&ann, "refresh_token").to_owned();
    assert_eq!(shop.refresh(&token).await.status, 200);
    let mail = shop.mail("ann@example.org", 1).await;
    let (_, secret) = token.rsplit_once('.').expect("three parts");
    let log = shop.log().join("\n");
    assert!(!log.is_empty());
    for hidden in [secret, text(&mail, "token"), text(&ann, "access_token"), PASSWORD] {
        assert!(!log.contains(hidden), "the log has {hidden}");
    }
    assert!(!log.contains("ann@example.org"), "the log has an address");
}
