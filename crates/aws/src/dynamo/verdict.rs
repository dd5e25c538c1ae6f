//! What an answer of DynamoDB, or none, means for a changeset.

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        delete_item::DeleteItemError, put_item::PutItemError,
        transact_write_items::TransactWriteItemsError, update_item::UpdateItemError,
    },
    types::CancellationReason,
};
use lmall_app::Refusal;

use super::{item::Attributes, keys::attribute};

/// Why a request failed, whatever it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was not carried out, and may be when sent again: throttled, or others were in the way.
    Busy,
    /// It was not carried out, and never will be.
    Never,
    /// It may have been carried out, or may yet be.
    Perhaps,
}

/// What became of a changeset that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A condition did not hold.
    Refused(Refusal),
    /// A write makes no sense for the row that is there.
    Impossible,
    /// A write met another transaction or a limit, so what it would have said is not known;
    /// here is what a later one said.
    Busy(Option<Refusal>),
    /// DynamoDB does not take such a request.
    Never,
    /// Nobody knows.
    Perhaps,
}

impl From<Fate> for Verdict {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Busy => Self::Busy(None),
            Fate::Never => Self::Never,
            Fate::Perhaps => Self::Perhaps,
        }
    }
}

/// The error codes of a request that was not carried out and may be later:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>.
const BUSY_CODES: [&str; 8] = [
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
];

/// The same, for a single write of a transaction.
const BUSY_REASONS: [&str; 4] =
    ["TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError", "DuplicateItem"];

/// The first try of the same request is still under way.
const IN_PROGRESS: &str = "TransactionInProgressException";

const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// Why a request failed.
pub(super) fn fate<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Fate {
    let Some(service) = error.as_service_error() else {
        // Only what was never made was never sent. A connection that broke may have broken
        // after the request had gone.
        return if matches!(error, SdkError::ConstructionFailure(_)) {
            Fate::Never
        } else {
            Fate::Perhaps
        };
    };
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    match service.code() {
        Some(IN_PROGRESS) => Fate::Perhaps,
        Some(code) if BUSY_CODES.contains(&code) => Fate::Busy,
        Some(_) if (400..500).contains(&status) => Fate::Never,
        Some(_) | None => Fate::Perhaps,
    }
}

/// What the failure of a transaction means, for writes that said beforehand what it does.
pub(super) fn of_transaction(
    error: &SdkError<TransactWriteItemsError, HttpResponse>,
    refusals: impl Iterator<Item = Refusal>,
) -> Verdict {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            of_reasons(canceled.cancellation_reasons(), refusals)
        }
        Some(_) | None => fate(error).into(),
    }
}

/// The first condition that did not hold speaks, unless a write before it could not be looked
/// at.
fn of_reasons(reasons: &[CancellationReason], refusals: impl Iterator<Item = Refusal>) -> Verdict {
    let mut busy = false;
    for (reason, refusal) in reasons.iter().zip(refusals) {
        match reason.code() {
            None | Some("None") => {}
            Some(CONDITION_FAILED) => {
                return match (busy, is_impossible(reason.item())) {
                    (true, _) => Verdict::Busy(Some(refusal)),
                    (false, true) => Verdict::Impossible,
                    (false, false) => Verdict::Refused(refusal),
                };
            }
            Some(code) if BUSY_REASONS.contains(&code) => busy = true,
            Some(_) => return if busy { Verdict::Busy(None) } else { Verdict::Never },
        }
    }
    // A cancellation without any reason is one that we cannot read.
    if busy { Verdict::Busy(None) } else { Verdict::Never }
}

/// What the failure of the only write of a changeset means.
pub(super) fn of_put(error: &SdkError<PutItemError, HttpResponse>, refusal: Refusal) -> Verdict {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(_)) => Verdict::Refused(refusal),
        Some(_) | None => fate(error).into(),
    }
}

/// The same, for an adjustment.
pub(super) fn of_update(
    error: &SdkError<UpdateItemError, HttpResponse>,
    refusal: Refusal,
) -> Verdict {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
            if is_impossible(failed.item()) {
                Verdict::Impossible
            } else {
                Verdict::Refused(refusal)
            }
        }
        Some(_) | None => fate(error).into(),
    }
}

/// The same, for a deletion.
pub(super) fn of_delete(
    error: &SdkError<DeleteItemError, HttpResponse>,
    refusal: Refusal,
) -> Verdict {
    match error.as_service_error() {
        Some(DeleteItemError::ConditionalCheckFailedException(_)) => Verdict::Refused(refusal),
        Some(_) | None => fate(error).into(),
    }
}

/// Only an adjustment asks for the item: one that has a text has no counters.
fn is_impossible(item: Option<&Attributes>) -> bool {
    item.is_some_and(|item| item.contains_key(attribute::BODY))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;

    #[test]
    fn the_first_condition_that_is_known_not_to_hold_speaks() {
        use Refusal::{AlreadyHandled, OutOfStock, Stale};
        let refusals = [AlreadyHandled, Stale, OutOfStock];
        let (none, failed) = ("None", CONDITION_FAILED);
        for (codes, verdict) in [
            ([none, failed, failed], Verdict::Refused(Stale)),
            ([failed, "TransactionConflict", failed], Verdict::Refused(AlreadyHandled)),
            (["TransactionConflict", none, failed], Verdict::Busy(Some(OutOfStock))),
            ([none, none, "TransactionConflict"], Verdict::Busy(None)),
            ([none, "ThrottlingError", none], Verdict::Busy(None)),
            (["ProvisionedThroughputExceeded", none, none], Verdict::Busy(None)),
            ([none, "ItemCollectionSizeLimitExceeded", failed], Verdict::Never),
            ([none, "ValidationError", none], Verdict::Never),
            ([none, none, none], Verdict::Never),
        ] {
            let reasons = codes.map(|code| CancellationReason::builder().code(code).build());
            assert_eq!(of_reasons(&reasons, refusals.into_iter()), verdict, "{codes:?}");
        }
        let text = Attributes::from([("body".to_owned(), AttributeValue::S("6".to_owned()))]);
        let reason = CancellationReason::builder().code(failed).set_item(Some(text)).build();
        assert_eq!(of_reasons(&[reason], refusals.into_iter()), Verdict::Impossible);
    }
}
