//! The headers in which services are told who calls.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use lmall_web::extract::X_CUSTOMER_ID;

use super::Caller;

/// The header that names the session of an access token.
pub(crate) const X_SESSION_ID: HeaderName = HeaderName::from_static("x-session-id");

/// The header that names the address that a client calls from.
pub(crate) const X_CLIENT_ADDRESS: HeaderName = HeaderName::from_static("x-client-address");

/// How the names begin that only the gateway may use.
const OURS: [&str; 3] = ["x-customer-", "x-session-", "x-client-address"];

/// Takes away whatever a client says of who it is. Some servers take an underscore for a hyphen,
/// so that it is one here, too.
pub(crate) fn strip_claims(headers: &mut HeaderMap) {
    let claimed: Vec<HeaderName> = headers.keys().filter(|name| is_ours(name)).cloned().collect();
    for name in claimed {
        headers.remove(name);
    }
}

/// Says who calls.
pub(crate) fn assert_caller(headers: &mut HeaderMap, caller: &Caller) {
    let value = |text: &str| HeaderValue::from_str(text).expect("ids are visible ASCII");
    headers.insert(X_CUSTOMER_ID, value(caller.customer.as_str()));
    headers.insert(X_SESSION_ID, value(caller.session.as_str()));
}

/// Says where the client calls from.
pub(crate) fn client_address_header(headers: &mut HeaderMap, address: IpAddr) {
    let value = HeaderValue::try_from(address.to_string()).expect("digits and colons");
    headers.insert(X_CLIENT_ADDRESS, value);
}

fn is_ours(name: &HeaderName) -> bool {
    let name = name.as_str().as_bytes();
    OURS.iter().any(|ours| {
        let same = |(seen, ours): (&u8, u8)| *seen == ours || (*seen == b'_' && ours == b'-');
        name.len() >= ours.len() && name.iter().zip(ours.bytes()).all(same)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_says_nothing_of_who_it_is_however_it_spells_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("X-Customer-Id", "ann"),
            ("x-customer-id", "bob"),
            ("X_Customer_Id", "ann"),
            ("x-customer_id", "ann"),
            ("x-customer-roles", "all"),
            ("X_SESSION-ID", "s"),
            ("x-client-address", "::1"),
            ("x-custom", "kept"),
            ("customer-id", "kept"),
            ("x-operator-token", "kept"),
        ] {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        strip_claims(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["customer-id", "x-custom", "x-operator-token"]);
    }
}
