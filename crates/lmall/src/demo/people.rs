//! Who buys: customers with accounts, who find their way through the mail that the shop sends.

use anyhow::{Context, Result};

use super::{Demo, EFFECT_WITHIN, show_order, story::Story};
use crate::{
    client::{Api, Caller, Error, Order},
    process::{self, Server},
};

/// The two customers of the story.
pub(super) struct People {
    pub(super) anna: Caller,
    pub(super) ben: Caller,
}

impl People {
    /// Customers by name alone.
    pub(super) fn named(tag: &str) -> Self {
        let named = |name| Caller::Named(format!("demo-{name}-{tag}"));
        Self { anna: named("anna"), ben: named("ben") }
    }
}

impl Demo<'_> {
    /// Anna, step by step, and Ben, who does the same.
    pub(super) async fn register(&self, story: &mut Story, server: &Server) -> Result<People> {
        story.chapter("A customer");
        let api = &self.api;
        let newcomer = Newcomer::new("anna", &self.tag)?;
        newcomer.register(api).await?;
        let token = newcomer.mail(story, server).await?;
        let seen = refusal(api.log_in(&newcomer.email, &newcomer.password).await.err());
        let title = "before she proves her address, her password opens nothing";
        story.check(title, "401 Unauthorized", seen)?;
        api.verify(&token, &newcomer.password).await?;
        let anna = api.log_in(&newcomer.email, &newcomer.password).await?;
        let account = api.account(&anna).await?;
        let title = "she proves it, logs in, and gets a token that says who she is";
        story.check(title, newcomer.email.as_str(), account.email)?;

        let seen = refusal(api.account(&Caller::Named(account.id)).await.err());
        story.check("her name without a token is nobody", "401 Unauthorized", seen)?;
        let find = async || {
            let found = api.search(&format!("tea {}", self.tag)).await?;
            Ok(found.join(", "))
        };
        let title = "she searches for tea and finds it";
        story.becomes(title, self.sku.clone(), EFFECT_WITHIN, find).await?;

        let ben = Newcomer::new("ben", &self.tag)?;
        ben.register(api).await?;
        api.verify(&ben.mail(story, server).await?, &ben.password).await?;
        Ok(People { anna, ben: api.log_in(&ben.email, &ben.password).await? })
    }

    /// What a customer may take along at any time.
    pub(super) async fn take_along(
        &self,
        story: &mut Story,
        anna: &Caller,
        paid: &Order,
    ) -> Result<()> {
        story.chapter("A customer's own data");
        let export = self.api.export(anna).await?;
        let seen = export.orders.iter().map(|order| format!("{} {}", order.id, show_order(order)));
        let order = self.api.order(anna, &paid.id, None).await?;
        let expected = format!("{} {}", order.id, show_order(&order));
        let title = "anna exports all that is kept of her: her account, and her order in it";
        story.check(title, expected, seen.collect::<Vec<_>>().join(", "))
    }
}

/// Somebody without an account.
struct Newcomer {
    name: &'static str,
    email: String,
    password: String,
}

impl Newcomer {
    fn new(name: &'static str, tag: &str) -> Result<Self> {
        let email = format!("{name}-{tag}@example.org");
        Ok(Self { name, email, password: process::random_hex(12)? })
    }

    async fn register(&self, api: &Api) -> Result<()> {
        Ok(api.register(&self.email, &self.password).await?)
    }

    /// The token that the shop sends to their address.
    async fn mail(&self, story: &mut Story, server: &Server) -> Result<String> {
        let title = format!("{} registers, and a mail with a token comes", self.name);
        let look = async || Ok(server.mail_to(&self.email).is_some().to_string());
        story.becomes(&title, "true".to_owned(), EFFECT_WITHIN, look).await?;
        server.mail_to(&self.email).context("the mail has no token")
    }
}

/// The status of a refusal; what was not refused is `no error`.
fn refusal(error: Option<Error>) -> String {
    match error {
        None => "no error".to_owned(),
        Some(Error::Refused(_, status, _)) => status.to_string(),
        Some(other) => other.to_string(),
    }
}
