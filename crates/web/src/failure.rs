//! What a client reads when something inside does not work; the causes go to the log.

use lmall_app::failure::{Failure, chain};

use crate::problem::Problem;

impl From<Failure> for Problem {
    /// Logs the failure with its causes, for this is where it is handled: call it once, on the
    /// way out.
    fn from(failure: Failure) -> Self {
        let error = chain(&failure);
        match failure {
            Failure::Unavailable(_) | Failure::NotYet(_) => {
                tracing::warn!(error, "a request cannot be carried out now");
                Self::unavailable()
            }
            Failure::Never(_) | Failure::Corrupt(..) => {
                tracing::error!(error, "a request cannot be carried out");
                Self::internal()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use lmall_app::ports::{Key, Table};

    use super::*;

    #[test]
    fn only_what_may_work_later_is_to_be_sent_again() {
        let key = Key::new(Table::Order, "7", "order");
        let json = serde_json::from_str::<u8>("x").unwrap_err();
        let rows = [
            (Failure::Unavailable("disk full".into()), StatusCode::SERVICE_UNAVAILABLE),
            (Failure::NotYet("not yet"), StatusCode::SERVICE_UNAVAILABLE),
            (Failure::Never("never".to_owned()), StatusCode::INTERNAL_SERVER_ERROR),
            (Failure::Corrupt(key, json), StatusCode::INTERNAL_SERVER_ERROR),
        ];
        for (failure, status) in rows {
            let problem = Problem::from(failure);
            assert_eq!(problem.status(), status);
            assert_eq!(problem.body(None).detail, None, "a cause is not for clients");
        }
    }
}
