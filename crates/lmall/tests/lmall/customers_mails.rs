//! Passwords that are forgotten or changed.

use serde_json::{Value, json};

use crate::support::{Answer, Call, PASSWORD, Server, text};

const NEW: &str = "a new password altogether";

async fn ask(shop: &Server, what: &str, email: &str) {
    let body = json!({ "email": email });
    let asked = shop.send(Call::post(format!("/v1/customers/{what}")).json(&body)).await;
    assert_eq!((asked.status, asked.text().as_str()), (202, ""), "{what} {email}");
}

async fn reset(shop: &Server, token: &str, password: &str) -> Answer {
    let body = json!({ "token": token, "password": password });
    shop.send(Call::post("/v1/customers/password-reset/confirm").json(&body)).await
}

#[tokio::test]
async fn who_reads_the_mail_sets_a_new_password_once_and_every_session_ends() {
    let shop = Server::start().await;
    let session = shop.signed_in("ann@example.org").await;
    ask(&shop, "password-reset", "ann@example.org").await;
    let first = shop.mail("ann@example.org", 2).await;
    assert_eq!(first["purpose"], "reset_password");
    ask(&shop, "password-reset", "ann@example.org").await;
    let mail = shop.mail("ann@example.org", 3).await;
    reset(&shop, text(&first, "token"), NEW).await.problem(401, "not-let-in");
    let token = text(&mail, "token");
    shop.verify(token, PASSWORD).await.problem(401, "not-let-in");
    assert_eq!(reset(&shop, token, "short").await.pointers(), ["/password"]);
    assert_eq!(reset(&shop, token, NEW).await.status, 204);
    reset(&shop, token, NEW).await.problem(401, "not-let-in");
    shop.refresh(text(&session, "refresh_token")).await.problem(401, "not-let-in");
    shop.log_in("ann@example.org", PASSWORD).await.problem(401, "not-let-in");
    assert_eq!(shop.log_in("ann@example.org", NEW).await.status, 201);
}

#[tokio::test]
async fn a_mail_that_has_no_use_is_not_sent_and_nobody_is_told() {
    let shop = Server::start().await;
    shop.signed_in("ann@example.org").await;
    ask(&shop, "password-reset", "nobody@example.org").await;
    ask(&shop, "verification", "nobody@example.org").await;
    ask(&shop, "verification", "ann@example.org").await;
    // Many ask for mails to one address: it gets a few, and the answer does not say so.
    for _ in 0..6 {
        ask(&shop, "password-reset", "ann@example.org").await;
    }
    shop.audit_is_green().await;
    assert_eq!(shop.mails("nobody@example.org"), Vec::<Value>::new());
    let mails = shop.mails("ann@example.org").len();
    assert!((2..=4).contains(&mails), "{mails}");
}

#[tokio::test]
async fn a_mail_that_was_lost_is_asked_for_again() {
    let shop = Server::start().await;
    assert_eq!(shop.register("ann@example.org", PASSWORD).await.status, 202);
    let first = shop.mail("ann@example.org", 1).await;
    ask(&shop, "verification", "ann@example.org").await;
    let second = shop.mail("ann@example.org", 2).await;
    shop.verify(text(&first, "token"), PASSWORD).await.problem(401, "not-let-in");
    assert_eq!(shop.verify(text(&second, "token"), PASSWORD).await.status, 204);
}

#[tokio::test]
async fn who_knows_the_password_changes_it() {
    let shop = Server::start().await;
    let session = shop.signed_in("ann@example.org").await;
    let change = async |old: &str, new: &str| {
        let body = json!({ "current_password": old, "new_password": new });
        let call = Call::post("/v1/customers/me/password").json(&body);
        shop.as_customer(&session, call).await
    };
    change(NEW, PASSWORD).await.problem(401, "not-let-in");
    assert_eq!(change(PASSWORD, "short").await.pointers(), ["/new_password"]);
    assert_eq!(change(PASSWORD, &"x".repeat(73)).await.pointers(), ["/new_password"]);
    assert_eq!(change(PASSWORD, NEW).await.status, 204);
    shop.refresh(text(&session, "refresh_token")).await.problem(401, "not-let-in");
    assert_eq!(shop.log_in("ann@example.org", NEW).await.status, 201);
}

#[tokio::test]
async fn a_password_is_hashed_anew_when_its_cost_has_changed() {
    let data = crate::support::temp_dir();
    let costs =
        async |cost: &str| Server::start_on(data.path(), &[("LMALL_BCRYPT_COST", cost)]).await;
    let shop = costs("10").await;
    shop.signed_in("ann@example.org").await;
    shop.kill();
    let kept = || {
        let file = rusqlite::Connection::open(data.path().join("lmall.db")).expect("the file");
        let query = "SELECT CAST(body AS TEXT) FROM customer_item WHERE sort = 'customer'";
        file.query_row(query, [], |row| row.get::<_, String>(0)).expect("one customer")
    };
    let has = |cost: &str| kept().contains(cost);
    assert!(has("$2b$10$"));
    let shop = costs("11").await;
    shop.log_in("ann@example.org", "not the password").await.problem(401, "not-let-in");
    assert!(has("$2b$10$"), "not by who does not know it");
    assert_eq!(shop.log_in("ann@example.org", PASSWORD).await.status, 201);
    assert!(has("$2b$11$"));
    assert_eq!(shop.log_in("ann@example.org", PASSWORD).await.status, 201);
}

async fn ask_to_move(shop: &Server, session: &Value, to: &str, password: &str) -> Answer {
    let body = json!({ "email": to, "password": password });
    shop.as_customer(session, Call::post("/v1/customers/me/email").json(&body)).await
}

async fn move_to(shop: &Server, token: &str, password: &str) -> Answer {
    let body = json!({ "token": token, "password": password });
    shop.send(Call::post("/v1/customers/email-change/confirm").json(&body)).await
}

#[tokio::test]
async fn another_address_is_theirs_once_its_mail_is_answered_and_the_one_before_is_told_and_free() {
    let shop = Server::start().await;
    let [old, new] = ["ann@example.org", "ann@example.net"];
    let session = shop.signed_in(old).await;
    ask_to_move(&shop, &session, new, NEW).await.problem(401, "not-let-in");
    ask_to_move(&shop, &session, old, PASSWORD).await.problem(409, "unchanged");
    assert_eq!(ask_to_move(&shop, &session, "ann", PASSWORD).await.pointers(), ["/email"]);
    assert_eq!(ask_to_move(&shop, &session, new, PASSWORD).await.status, 202);
    let mail = shop.mail(new, 1).await;
    assert_eq!(mail["purpose"], "change_email");
    shop.log_in(new, PASSWORD).await.problem(401, "not-let-in");
    let token = text(&mail, "token");
    move_to(&shop, token, NEW).await.problem(401, "not-let-in");
    assert_eq!(move_to(&shop, token, PASSWORD).await.status, 204);
    move_to(&shop, token, PASSWORD).await.problem(401, "not-let-in");
    assert_eq!(shop.refresh(text(&session, "refresh_token")).await.status, 200);
    assert_eq!(shop.log_in(new, PASSWORD).await.status, 201);
    shop.log_in(old, PASSWORD).await.problem(401, "not-let-in");
    let told = shop.mail(old, 2).await;
    assert_eq!((&told["purpose"], &told["token"]), (&json!("email_changed"), &Value::Null));
    assert_eq!(shop.register(old, NEW).await.status, 202);
    assert_eq!(shop.verify(text(&shop.mail(old, 3).await, "token"), NEW).await.status, 204);
    shop.audit_is_green().await;
}

#[tokio::test]
async fn an_address_that_another_account_has_proved_is_not_taken_and_one_that_none_has_is() {
    let shop = Server::start().await;
    let session = shop.signed_in("ann@example.org").await;
    shop.signed_in("bob@example.org").await;
    assert_eq!(ask_to_move(&shop, &session, "bob@example.org", PASSWORD).await.status, 202);
    let mail = shop.mail("bob@example.org", 2).await;
    move_to(&shop, text(&mail, "token"), PASSWORD).await.problem(409, "email-taken");
    assert_eq!(shop.register("new@example.org", NEW).await.status, 202);
    let registered = shop.mail("new@example.org", 1).await;
    assert_eq!(ask_to_move(&shop, &session, "new@example.org", PASSWORD).await.status, 202);
    let mail = shop.mail("new@example.org", 2).await;
    assert_eq!(move_to(&shop, text(&mail, "token"), PASSWORD).await.status, 204);
    shop.verify(text(&registered, "token"), NEW).await.problem(401, "not-let-in");
    assert_eq!(shop.log_in("new@example.org", PASSWORD).await.status, 201);
    shop.audit_is_green().await;
}
