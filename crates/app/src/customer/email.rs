//! E-mail addresses as people write them.

use email_address::{EmailAddress, Options};
use lmall_domain::{customer::Email, limits::EMAIL_BYTES_MAX};

/// A text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address such as ann@example.org, in ASCII, of at most 254 characters")]
pub struct InvalidEmail;

/// The address, if mail can be sent to it.
///
/// Only ASCII: a domain with other letters is written in its `xn--` form, and two letters that
/// look the same are never two accounts.
///
/// # Errors
/// [`InvalidEmail`].
pub fn parse_email(text: &str) -> Result<Email, InvalidEmail> {
    let options =
        Options::default().with_required_tld().without_display_text().without_domain_literal();
    let fits = text.len() <= EMAIL_BYTES_MAX && text.is_ascii() && !text.contains('"');
    let address = fits.then(|| EmailAddress::parse_with_options(text, options));
    match address {
        Some(Ok(address)) => Ok(Email::normalised(address.as_str())),
        Some(Err(_)) | None => Err(InvalidEmail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_whatever_its_case() {
        for (text, expected) in [
            ("ann@example.org", Some("ann@example.org")),
            ("Ann.Lee+shop@Example.ORG", Some("ann.lee+shop@example.org")),
            ("ann", None),
            ("ann@", None),
            ("@example.org", None),
            ("ann@localhost", None),
            ("ann@[127.0.0.1]", None),
            ("Ann <ann@example.org>", None),
            ("ann@example.org\r\nBcc: bob@example.org", None),
            ("ann@exämple.org", None),
            ("\"a b\"@example.org", None),
            ("ann@example.org ", None),
            ("", None),
        ] {
            let found = parse_email(text).ok();
            assert_eq!(found.as_ref().map(Email::as_str), expected, "{text:?}");
        }
        assert!(parse_email(&format!("{}@example.org", "x".repeat(300))).is_err());
    }
}
