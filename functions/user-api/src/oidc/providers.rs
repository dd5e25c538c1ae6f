//! The providers that are configured.

use std::{collections::HashMap, sync::Arc};

use http::Uri;
use openidconnect::{ClientId, ClientSecret, IssuerUrl, RedirectUrl};
use serde::Deserialize;

use super::{
    http_client::{HttpClient, is_safe},
    provider::Provider,
};

/// Characters of a provider's name: it is in paths and in the keys of rows.
const NAME_LEN_MAX: usize = 32;

/// Identity providers that cannot be used. It says nothing of their secrets.
#[derive(Debug, thiserror::Error)]
pub enum BadProviders {
    /// Not a list of providers.
    #[error(
        "not JSON such as [{{\"name\":…,\"issuer\":…,\"client_id\":…,\"client_secret\":…,\"redirect_url\":…}}]"
    )]
    Form,
    /// One of them is not right.
    #[error("the provider `{0}`: {1}")]
    One(String, &'static str),
    /// This machine trusts nobody.
    #[error("this machine has no certificates of authorities")]
    NoRoots(#[source] std::io::Error),
}

/// Who customers may come from. Clones share what they know.
#[derive(Clone, Default)]
pub struct IdentityProviders(Arc<HashMap<String, Provider>>);

/// A provider as it is configured.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configured {
    name: String,
    issuer: String,
    client_id: String,
    client_secret: String,
    /// `https://shop.example/v1/sessions/providers/{name}/callback`, as the provider knows it.
    redirect_url: String,
}

impl IdentityProviders {
    /// The providers in a JSON document.
    ///
    /// # Errors
    /// [`BadProviders`].
    pub fn parse(json: &str) -> Result<Self, BadProviders> {
        let configured: Vec<Configured> =
            serde_json::from_str(json).map_err(|_| BadProviders::Form)?;
        if configured.is_empty() {
            return Ok(Self::default());
        }
        let client = HttpClient::new().map_err(BadProviders::NoRoots)?;
        let mut providers = HashMap::new();
        for one in configured {
            let name = one.name.clone();
            let provider =
                read(one, client.clone()).map_err(|what| BadProviders::One(name.clone(), what))?;
            if providers.insert(name.clone(), provider).is_some() {
                return Err(BadProviders::One(name, "is there twice"));
            }
        }
        Ok(Self(Arc::new(providers)))
    }

    /// The provider of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Provider> {
        self.0.get(name)
    }

    /// What they are called.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.keys().cloned().collect();
        names.sort();
        names
    }
}

fn read(one: Configured, client: HttpClient) -> Result<Provider, &'static str> {
    let is_part = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let is_name = (1..=NAME_LEN_MAX).contains(&one.name.len()) && one.name.bytes().all(is_part);
    if !is_name {
        return Err("a name has 1 to 32 lower-case letters, digits and hyphens");
    }
    let is_good = |url: &str| url.parse::<Uri>().is_ok_and(|uri| is_safe(&uri));
    if !is_good(&one.issuer) || !is_good(&one.redirect_url) {
        return Err("`issuer` and `redirect_url` are https://…, or http:// on this machine");
    }
    let is_secure = one.redirect_url.starts_with("https:");
    Ok(Provider::new(
        one.name,
        IssuerUrl::new(one.issuer).map_err(|_| "`issuer` is no URL")?,
        ClientId::new(one.client_id),
        ClientSecret::new(one.client_secret),
        RedirectUrl::new(one.redirect_url).map_err(|_| "`redirect_url` is no URL")?,
        is_secure,
        client,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_cannot_be_used_is_refused_by_its_name() {
        let one = |name: &str, issuer: &str, redirect: &str| {
            format!(
                r#"{{"name":"{name}","issuer":"{issuer}","client_id":"c","client_secret":"hush","redirect_url":"{redirect}"}}"#
            )
        };
        let good = one("mock", "http://127.0.0.1:1", "http://127.0.0.1:2/callback");
        assert!(IdentityProviders::parse("[]").is_ok());
        assert_eq!(IdentityProviders::parse(&format!("[{good}]")).unwrap().names(), ["mock"]);
        for bad in [
            "{}".to_owned(),
            format!("[{good},{good}]"),
            format!("[{}]", one("Mock", "https://a.example", "https://b.example")),
            format!("[{}]", one("mock", "http://a.example", "https://b.example")),
            format!("[{}]", one("mock", "https://a.example", "http://b.example")),
            format!("[{}]", one("mock", "https://a.example", "b")),
        ] {
            let error = IdentityProviders::parse(&bad).err().map(|error| error.to_string());
            assert!(error.is_some_and(|error| !error.contains("hush")), "{bad}");
        }
    }
}
