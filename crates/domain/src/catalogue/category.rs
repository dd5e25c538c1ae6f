//! Categories: a tree, named by paths.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::limits::{CATEGORY_DEPTH_MAX, CATEGORY_NAME_MAX};

/// A category: its place in the tree, such as `food/tea/green`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CategoryPath(Arc<str>);

/// A text that is no path of a category.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error(
    "a category is 1 to {CATEGORY_DEPTH_MAX} names with `/` between them; a name is 1 to \
     {CATEGORY_NAME_MAX} small letters, digits and hyphens"
)]
pub struct InvalidCategory;

impl CategoryPath {
    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The category that it is directly in; `None` at the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into()))
    }

    /// It, and every category that it is in, up to the root.
    pub fn lineage(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self.clone()), Self::parent)
    }
}

impl FromStr for CategoryPath {
    type Err = InvalidCategory;

    fn from_str(text: &str) -> Result<Self, InvalidCategory> {
        let known = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let named =
            |name: &str| (1..=CATEGORY_NAME_MAX).contains(&name.len()) && name.bytes().all(known);
        let fits = text.split('/').count() <= CATEGORY_DEPTH_MAX && text.split('/').all(named);
        fits.then(|| Self(text.into())).ok_or(InvalidCategory)
    }
}

impl TryFrom<String> for CategoryPath {
    type Error = InvalidCategory;

    fn try_from(text: String) -> Result<Self, InvalidCategory> {
        text.parse()
    }
}

impl From<CategoryPath> for String {
    fn from(path: CategoryPath) -> Self {
        path.as_str().to_owned()
    }
}

impl fmt::Display for CategoryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_knows_what_it_is_in() {
        let path: CategoryPath = "food/tea/green-1".parse().unwrap();
        let lineage: Vec<String> = path.lineage().map(String::from).collect();
        assert_eq!(lineage, ["food/tea/green-1", "food/tea", "food"]);
        for bad in ["", "/", "food/", "/food", "Food", "a b", "a//b", "a/b/c/d/e/f", "t\u{e9}"] {
            assert_eq!(bad.parse::<CategoryPath>(), Err(InvalidCategory), "{bad}");
        }
        assert!("x".repeat(40).parse::<CategoryPath>().is_ok());
        assert!("x".repeat(41).parse::<CategoryPath>().is_err());
    }
}
