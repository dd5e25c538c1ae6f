//! What a caller reads when it does not work; the causes go to the log.

use lmall_app::failure::{Failure, chain};
use tonic::{Code, Status};

/// The status of a failure. Logs it with its causes, for this is where it is handled: call it
/// once, on the way out.
pub(crate) fn status(failure: &Failure) -> Status {
    let error = chain(failure);
    match failure {
        Failure::Unavailable(_) | Failure::NotYet(_) => {
            tracing::warn!(error, "a call cannot be carried out now");
            Status::unavailable("the service is not available")
        }
        Failure::Never(_) | Failure::Corrupt(..) => {
            tracing::error!(error, "a call cannot be carried out");
            Status::internal("something went wrong on our side")
        }
    }
}

/// The failure that an answer of another service is: none of those we know means anything but
/// that it brings no answer.
pub(crate) fn failure(status: Status) -> Failure {
    Failure::Unavailable(Box::new(status))
}

/// How the protocol spells it.
pub(crate) const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_work_later_is_to_be_sent_again_and_no_cause_is_told() {
        let rows = [
            (Failure::Unavailable("disk full".into()), Code::Unavailable),
            (Failure::NotYet("not yet"), Code::Unavailable),
            (Failure::Never("never".to_owned()), Code::Internal),
        ];
        for (failure, code) in rows {
            let status = status(&failure);
            assert_eq!(status.code(), code);
            for cause in ["disk", "yet", "never"] {
                assert!(!status.message().contains(cause), "{status:?}");
            }
        }
    }
}
