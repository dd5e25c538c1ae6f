//! The store on DynamoDB: on AWS's own DynamoDB Local, on a local stack, and behind a proxy that
//! injects faults.

mod contract;
mod faults;
mod parameters;
mod support;
