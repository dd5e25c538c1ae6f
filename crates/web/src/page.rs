//! Lists in pages: how a client asks for one, and how it asks for the next.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// Items on a page when the client names no limit.
pub const LIMIT_DEFAULT: u32 = 20;

/// Items on the largest page; 100 orders of 40 lines are still well under a megabyte.
pub const LIMIT_MAX: u32 = 100;

/// Characters of the longest cursor; our sort keys are a time and an id, under 100.
pub const CURSOR_LEN_MAX: usize = 512;

const _: () = assert!(0 < LIMIT_DEFAULT && LIMIT_DEFAULT <= LIMIT_MAX);

/// The query of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items at most: 1 to 100, 20 if absent.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before; absent for the first page.
    #[param(max_length = 512)]
    pub cursor: Option<String>,
}

impl PageQuery {
    /// How many items the page may have.
    ///
    /// # Errors
    ///
    /// 422 for zero and for more than [`LIMIT_MAX`].
    pub fn limit(&self) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT);
        match usize::try_from(limit) {
            Ok(count) if (1..=LIMIT_MAX).contains(&limit) => Ok(count),
            Ok(_) | Err(_) => Err(Problem::invalid()
                .error("/limit", format!("must be between 1 and {LIMIT_MAX}, not {limit}"))),
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; null when there is no more.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// Makes the opaque cursor that stands for a sort key.
#[must_use]
pub fn encode_cursor(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

/// Gives back the sort key that a cursor stands for.
///
/// # Errors
///
/// 422 if it is not one that [`encode_cursor`] made, or longer than [`CURSOR_LEN_MAX`].
pub fn decode_cursor(cursor: &str) -> Result<String, Problem> {
    let refused = || Problem::invalid().error("/cursor", "is not a cursor that a list gave out");
    if cursor.len() > CURSOR_LEN_MAX {
        return Err(refused());
    }
    let key = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    String::from_utf8(key).map_err(|_| refused())
}

/// The answer to a cursor that decodes, but to no sort key of the list that was asked.
#[must_use]
pub fn foreign_cursor() -> Problem {
    Problem::invalid().error("/cursor", "is not a cursor that this list gave out")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_limit_is_between_one_and_a_hundred() {
        let rows = [(None, Some(20)), (Some(1), Some(1)), (Some(100), Some(100))];
        let refused = [Some(0), Some(101), Some(u32::MAX)].map(|limit| (limit, None));
        for (limit, expected) in rows.into_iter().chain(refused) {
            let found = PageQuery { limit, cursor: None }.limit();
            assert_eq!(found.as_ref().ok().copied(), expected, "limit={limit:?}: {found:?}");
        }
    }

    #[test]
    fn a_cursor_over_the_limit_is_refused_though_it_decodes() {
        assert!(decode_cursor(&"A".repeat(CURSOR_LEN_MAX)).is_ok());
        assert!(decode_cursor(&"A".repeat(CURSOR_LEN_MAX + 4)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_cursor_or_a_422(text in ".{0,600}") {
            if let Err(problem) = decode_cursor(&text) {
                prop_assert_eq!(problem.status(), http::StatusCode::UNPROCESSABLE_ENTITY);
            }
        }

        #[test]
        fn a_key_survives_its_cursor(key in ".{0,90}") {
            prop_assert_eq!(decode_cursor(&encode_cursor(&key)), Ok(key));
        }

        #[test]
        fn a_key_has_one_cursor(text in "[A-Za-z0-9_-]{0,40}") {
            if let Ok(key) = decode_cursor(&text) {
                prop_assert_eq!(encode_cursor(&key), text);
            }
        }
    }
}
