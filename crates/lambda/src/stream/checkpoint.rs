//! How far a batch is done.

use aws_lambda_events::event::{
    dynamodb::EventRecord,
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};

use crate::FunctionError;

/// The lowest record of a batch that is not done. The platform calls again from there on;
/// records of a batch are in the order of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checkpoint {
    first_failed: Option<usize>,
}

impl Checkpoint {
    /// Notes that the record at this place is not done.
    pub fn fail(&mut self, place: usize) {
        self.first_failed = Some(self.first_failed.map_or(place, |first| first.min(place)));
    }

    /// The answer to the platform. Without a failure it is an empty list: all of it is done.
    ///
    /// # Errors
    /// When the record that failed has no sequence number: then the whole batch is not done.
    pub fn answer(self, records: &[EventRecord]) -> Result<DynamoDbEventResponse, FunctionError> {
        let mut answer = DynamoDbEventResponse::default();
        if let Some(place) = self.first_failed {
            let record = records.get(place);
            let number = record.and_then(|record| record.change.sequence_number.clone());
            let Some(number) = number.filter(|number| !number.is_empty()) else {
                let told = format!("Records[{place}].dynamodb.SequenceNumber: it failed without");
                return Err(FunctionError::BadInput(told));
            };
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Some(number);
            answer.batch_item_failures.push(failure);
        }
        Ok(answer)
    }
}
