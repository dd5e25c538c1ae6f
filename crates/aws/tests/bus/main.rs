//! The bus, on a local AWS stack.
//!
//! Where the stack is not what AWS is:
//! - it does not know `ReceiveRequestAttemptId`, with which AWS gives a lost answer again:
//!   <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>.
//!   Here such messages come again after their visibility time-out;
//! - a stale receipt is always `ReceiptHandleIsInvalid`, where AWS has two more answers:
//!   <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>;
//! - queue depths are exact, where AWS counts some seconds late:
//!   <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>;
//! - a standard queue keeps its order, and delivers once:
//!   <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>.

mod consumer;
mod contract;
mod faults;
mod letters;
mod notices;
mod relay_failures;
mod world;
