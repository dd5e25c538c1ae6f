//! Where a client calls from.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap, HeaderName};

/// The header to which each proxy adds the address of its client.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client, with so many proxies of ours before us.
///
/// Each of them has added the address that it was called from, so the one we want is that many
/// from the right; what stands to the left of it is the client's own word. Where it is missing
/// or no address, somebody came past a proxy, and the peer is all we know.
pub(crate) fn client(extensions: &Extensions, headers: &HeaderMap, proxies: usize) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let told = proxies.checked_sub(1).and_then(|place| told(headers, place));
    told.or(peer).map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |address| address.to_canonical())
}

/// Whom an address stands for: one household has the lower half of an IPv6 address to itself, and
/// could call from another one each time.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (!0 << 64)).into(),
    }
}

/// The address at this place from the right.
fn told(headers: &HeaderMap, place: usize) -> Option<IpAddr> {
    let values: Vec<&str> = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .map(|value| value.to_str().ok())
        .collect::<Option<_>>()?;
    let all = values.iter().flat_map(|value| value.split(','));
    let told = all.rev().nth(place)?.trim();
    told.parse().ok().or_else(|| told.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_our_own_proxies_say_is_believed() {
        let peer: SocketAddr = "10.0.0.1:40000".parse().unwrap();
        let rows: [(usize, &[&str], &str); 14] = [
            (0, &[], "10.0.0.1"),
            (0, &["1.1.1.1"], "10.0.0.1"),
            (1, &["203.0.113.7"], "203.0.113.7"),
            (1, &["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
            (1, &["1.1.1.1", "203.0.113.7"], "203.0.113.7"),
            (1, &["1.1.1.1,203.0.113.7:555"], "203.0.113.7"),
            (2, &["1.1.1.1, 203.0.113.7", "10.0.0.9"], "203.0.113.7"),
            (1, &["2001:db8::1"], "2001:db8::1"),
            (1, &["[2001:db8::1]:555"], "2001:db8::1"),
            (1, &["::ffff:203.0.113.7"], "203.0.113.7"),
            // It came past the proxy, or the proxy says nothing.
            (1, &[], "10.0.0.1"),
            (2, &["203.0.113.7"], "10.0.0.1"),
            (1, &["203.0.113.7, unknown"], "10.0.0.1"),
            (1, &["203.0.113.7, "], "10.0.0.1"),
        ];
        for (proxies, values, expected) in rows {
            let mut extensions = Extensions::new();
            extensions.insert(ConnectInfo(peer));
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(X_FORWARDED_FOR, value.parse().unwrap());
            }
            let seen = client(&extensions, &headers, proxies);
            assert_eq!(seen.to_string(), expected, "{proxies} {values:?}");
        }
    }

    #[test]
    fn a_household_is_one_address_however_many_it_has() {
        for (address, expected) in
            [("203.0.113.7", "203.0.113.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
        {
            assert_eq!(household(address.parse().unwrap()).to_string(), expected);
        }
    }
}
