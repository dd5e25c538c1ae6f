//! What customers say of themselves: name, addresses, preferences.

use serde::{Deserialize, Serialize};

use crate::{limits, money::Currency};

/// A value that cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct Invalid {
    /// The field.
    pub field: &'static str,
    /// What it has to be.
    pub rule: &'static str,
}

/// A postal address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Who lives there.
    pub recipient: String,
    /// Street and number.
    pub line1: String,
    /// What else a carrier has to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    /// Where the country has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// City, town or village.
    pub city: String,
    /// State, province or county, where it belongs to an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// ISO 3166-1 alpha-2: two capital letters.
    pub country: String,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(personal)")
    }
}

/// What a customer would rather have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preferences {
    /// The language to be written to in: `en`, `pt-BR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The currency that prices are shown in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// Whether they want to hear of offers: not unless they say so.
    #[serde(default)]
    pub newsletter: bool,
}

/// A name, if it is one.
///
/// # Errors
/// [`Invalid`].
pub fn checked_name(name: String) -> Result<String, Invalid> {
    checked("name", &name)?;
    Ok(name)
}

impl Address {
    /// The address, if mail could be brought there.
    ///
    /// # Errors
    /// [`Invalid`] names the first field that is wrong.
    pub fn checked(self) -> Result<Self, Invalid> {
        checked("recipient", &self.recipient)?;
        checked("line1", &self.line1)?;
        checked("city", &self.city)?;
        let rest =
            [("line2", &self.line2), ("postal_code", &self.postal_code), ("region", &self.region)];
        for (field, text) in rest {
            text.as_deref().map_or(Ok(()), |text| checked(field, text))?;
        }
        if self.country.len() != 2 || !self.country.bytes().all(|c| c.is_ascii_uppercase()) {
            return Err(Invalid { field: "country", rule: "two capital letters of ISO 3166-1" });
        }
        Ok(self)
    }
}

impl Preferences {
    /// The preferences, if they can be kept.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn checked(self) -> Result<Self, Invalid> {
        let is_part = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_alphanumeric())
        };
        let is_tag = |tag: &str| tag.len() <= 35 && tag.split('-').all(is_part);
        if self.language.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return Err(Invalid {
                field: "language",
                rule: "a language tag such as `en` or `pt-BR`",
            });
        }
        Ok(self)
    }
}

/// Whether the text is one line of something, and not too long.
fn checked(field: &'static str, text: &str) -> Result<(), Invalid> {
    let fits = !text.trim().is_empty() && text.chars().count() <= limits::PERSONAL_TEXT_MAX;
    if fits && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(Invalid { field, rule: "1 to 200 characters on one line" })
    }
}

const _: () = assert!(limits::PERSONAL_TEXT_MAX == 200);

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> Address {
        Address {
            recipient: "Ann Lee".to_owned(),
            line1: "1 Main St".to_owned(),
            line2: None,
            postal_code: Some("12345".to_owned()),
            city: "Springfield".to_owned(),
            region: None,
            country: "US".to_owned(),
        }
    }

    #[test]
    fn an_address_that_no_mail_could_be_brought_to_is_refused_by_its_field() {
        assert_eq!(home().checked(), Ok(home()));
        let rows = [
            ("recipient", Address { recipient: " ".to_owned(), ..home() }),
            ("line1", Address { line1: "ü".repeat(201), ..home() }),
            ("line2", Address { line2: Some("a\nb".to_owned()), ..home() }),
            ("city", Address { city: String::new(), ..home() }),
            ("postal_code", Address { postal_code: Some(String::new()), ..home() }),
            ("region", Address { region: Some("\u{0}".to_owned()), ..home() }),
            ("country", Address { country: "usa".to_owned(), ..home() }),
        ];
        for (field, address) in rows {
            assert_eq!(address.checked().unwrap_err().field, field);
        }
    }

    #[test]
    fn a_language_is_a_tag() {
        for (language, good) in [("en", true), ("pt-BR", true), ("", false), ("en_US", false)] {
            let preferences =
                Preferences { language: Some(language.to_owned()), ..Preferences::default() };
            assert_eq!(preferences.checked().is_ok(), good, "{language}");
        }
    }
}
