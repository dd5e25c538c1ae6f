//! What a browser keeps while it is at the provider.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// Seconds that somebody may take at the provider.
const LIFE_S: u32 = 600;

/// Bytes of the longest cookie that is read: four random values of 43, and names.
const LEN_MAX: usize = 1_024;

/// What a flow is finished with.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flow {
    /// Where the browser was sent.
    pub(super) provider: String,
    /// What it has to bring back.
    pub(super) state: String,
    /// What has to be in the ID token.
    pub(super) nonce: String,
    /// What the code is exchanged with.
    pub(super) verifier: String,
}

/// Over plain HTTP, which is for this machine alone, browsers take no `__Host-` cookie.
const fn name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-lmall-oidc" } else { "lmall-oidc" }
}

impl Flow {
    /// The cookie that keeps it.
    pub(super) fn set(&self, is_secure: bool) -> Option<HeaderValue> {
        let value = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).ok()?);
        cookie(is_secure, &value, LIFE_S)
    }

    /// The cookie that makes the browser forget it.
    pub(super) fn forget(is_secure: bool) -> Option<HeaderValue> {
        cookie(is_secure, "", 0)
    }

    /// What the browser kept; of two cookies we cannot know which is ours.
    pub(super) fn read(headers: &HeaderMap, is_secure: bool) -> Option<Self> {
        let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs =
            pairs.flat_map(|pairs| pairs.split(';')).filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(key, _)| key.trim() == name(is_secure)).map(|(_, v)| v);
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        if value.len() > LEN_MAX {
            return None;
        }
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(value.trim()).ok()?).ok()
    }

    /// Whether the browser that comes back from this provider with this state is the one that
    /// was sent there.
    pub(super) fn continues(&self, provider: &str, state: &str) -> bool {
        self.provider == provider && bool::from(self.state.as_bytes().ct_eq(state.as_bytes()))
    }
}

fn cookie(is_secure: bool, value: &str, life_s: u32) -> Option<HeaderValue> {
    let (name, secure) = (name(is_secure), if is_secure { "; Secure" } else { "" });
    let text = format!("{name}={value}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> Flow {
        let text = |text: &str| text.to_owned();
        Flow { provider: text("mock"), state: text("s"), nonce: text("n"), verifier: text("v") }
    }

    fn returned(cookie: &HeaderValue) -> HeaderMap {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, format!("a=b; {pair}").parse().unwrap())])
    }

    #[test]
    fn a_browser_brings_back_what_it_was_given_and_only_from_where_it_was_sent() {
        for is_secure in [true, false] {
            let set = flow().set(is_secure).unwrap();
            assert_eq!(set.to_str().unwrap().contains("Secure"), is_secure);
            let read = Flow::read(&returned(&set), is_secure).expect("the flow");
            assert!(read.continues("mock", "s"));
            assert!(!read.continues("other", "s") && !read.continues("mock", "t"));
            assert!(Flow::read(&returned(&set), !is_secure).is_none(), "the other name");
            let mut twice = returned(&set);
            twice.append(header::COOKIE, twice[header::COOKIE].clone());
            assert!(Flow::read(&twice, is_secure).is_none(), "two of them");
        }
        assert!(Flow::read(&HeaderMap::new(), true).is_none());
    }
}
