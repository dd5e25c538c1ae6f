//! How a function fails.

use lambda_runtime::Diagnostic;
use lmall_app::failure::{Failure, chain};

/// What a failed call answers. It is what the caller, the log and the alarm see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// What it was called with cannot be read; calling again with the same cannot help.
    #[error("{0}")]
    BadInput(String),
    /// It was started with settings that cannot be used.
    #[error("{0}")]
    BadSettings(String),
    /// A dependency is away; calling again may help.
    #[error("{0}")]
    Unavailable(String),
    /// A stored row cannot be read, or what was asked for can never work.
    #[error("{0}")]
    Impossible(String),
}

impl FunctionError {
    fn name(&self) -> &'static str {
        match self {
            Self::BadInput(_) => "BadInput",
            Self::BadSettings(_) => "BadSettings",
            Self::Unavailable(_) => "Unavailable",
            Self::Impossible(_) => "Impossible",
        }
    }
}

impl From<Failure> for FunctionError {
    fn from(failure: Failure) -> Self {
        let message = chain(&failure);
        match failure {
            Failure::Unavailable(_) | Failure::NotYet(_) => Self::Unavailable(message),
            Failure::Never(_) | Failure::Corrupt(..) => Self::Impossible(message),
        }
    }
}

impl From<FunctionError> for Diagnostic {
    fn from(error: FunctionError) -> Self {
        Self { error_type: error.name().to_owned(), error_message: error.to_string() }
    }
}
