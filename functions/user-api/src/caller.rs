//! Where on the network a request comes from.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv6Addr},
};

use axum::extract::FromRequestParts;
use http::{HeaderMap, request::Parts};

/// What the gateway says, which believes nobody: it comes through proxies behind it unchanged.
const X_CLIENT_ADDRESS: &str = "x-client-address";

/// What the nearest proxy adds the address of its client to.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The bits of an IPv6 address that one household has to itself are the lower half.
const NETWORK_OF_V6: u128 = !0 << 64;

/// The network that a request comes from, as the gateway names it; without one, as the nearest
/// proxy does: the last address in `X-Forwarded-For`, for all before it is the client's own word.
/// `None` without either.
///
/// It is counted by, never kept as it is, and never believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CallerAddress(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for CallerAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(network(&parts.headers)))
    }
}

fn network(headers: &HeaderMap) -> Option<String> {
    let last = match headers.get(X_CLIENT_ADDRESS) {
        Some(named) => named,
        None => headers.get_all(X_FORWARDED_FOR).iter().next_back()?,
    };
    let last = last.to_str().ok()?;
    let address: IpAddr = last.rsplit(',').next()?.trim().parse().ok()?;
    Some(match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK_OF_V6).to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_address_counts_and_a_household_has_one() {
        let rows: [(&[&'static str], Option<&str>); 7] = [
            (&[], None),
            (&["203.0.113.7"], Some("203.0.113.7")),
            (&["1.1.1.1, 203.0.113.7"], Some("203.0.113.7")),
            (&["1.1.1.1", "203.0.113.7"], Some("203.0.113.7")),
            (&["::ffff:203.0.113.7"], Some("203.0.113.7")),
            (&["2001:db8:1:2:3:4:5:6"], Some("2001:db8:1:2::")),
            (&["203.0.113.7, unknown"], None),
        ];
        for (values, expected) in rows {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(X_FORWARDED_FOR, http::HeaderValue::from_static(value));
            }
            assert_eq!(network(&headers).as_deref(), expected, "{values:?}");
            headers.insert(X_CLIENT_ADDRESS, http::HeaderValue::from_static("198.51.100.1"));
            assert_eq!(network(&headers).as_deref(), Some("198.51.100.1"), "{values:?}");
        }
    }
}
