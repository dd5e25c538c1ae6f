//! People with accounts, and the mail that they read.

use serde_json::{Value, json};

use super::{Answer, Call, Server, eventually, text};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery";

impl Server {
    /// The mails that were sent to this address, in order.
    pub(crate) fn mails(&self, to: &str) -> Vec<Value> {
        let said = self.said();
        let mails = said.iter().filter_map(|line| line.strip_prefix("mail "));
        let mails = mails.map(|mail| serde_json::from_str::<Value>(mail).expect("a mail"));
        mails.filter(|mail| mail["to"] == to).collect()
    }

    /// The `count`-th mail to this address, counted from 1.
    pub(crate) async fn mail(&self, to: &str, count: usize) -> Value {
        eventually("a mail comes", async || {
            let mails = self.mails(to);
            mails.get(count - 1).cloned().ok_or_else(|| format!("{mails:?}"))
        })
        .await
    }

    pub(crate) async fn register(&self, email: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "password": password });
        self.send(Call::post("/v1/customers").json(&body)).await
    }

    pub(crate) async fn verify(&self, token: &str, password: &str) -> Answer {
        let body = json!({ "token": token, "password": password });
        self.send(Call::post("/v1/customers/verification/confirm").json(&body)).await
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "password": password });
        self.send(Call::post("/v1/sessions").json(&body)).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        let body = json!({ "refresh_token": token });
        self.send(Call::post("/v1/sessions/refresh").json(&body)).await
    }

    /// Somebody who has registered, proved their address and logged in: their session.
    pub(crate) async fn signed_in(&self, email: &str) -> Value {
        assert_eq!(self.register(email, PASSWORD).await.status, 202);
        let mail = self.mail(email, 1).await;
        assert_eq!(self.verify(text(&mail, "token"), PASSWORD).await.status, 204);
        self.log_in(email, PASSWORD).await.json(201)
    }

    /// A call of a customer without a body, which must be answered so.
    pub(crate) async fn as_customer(&self, session: &Value, call: Call) -> Answer {
        self.send(call.customer(text(session, "customer_id"))).await
    }
}
