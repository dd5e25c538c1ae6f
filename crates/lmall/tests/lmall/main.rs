//! LMall from outside: the built binary, its answers, its signals and its files.
//!
//! Each test starts a shop of its own, empty and on free ports, and knows nothing of the code
//! behind it. With `LMALL_TEST_FORM=aws` and the profile `aws` of nextest, the tests of the API
//! run against the AWS form: six services, a local AWS stack and Redis for each test. What is
//! about the embedded form alone is left out there by name, and fails when it is not.

mod api_catalogue;
mod api_conventions;
mod api_inventory;
mod api_ops;
mod api_orders;
mod api_payments;
mod api_products;
mod api_waiting;
mod aws_demo;
mod aws_grpc;
mod aws_ids;
mod aws_killed;
mod aws_process;
mod aws_waiting;
mod crash;
mod customers_accounts;
mod customers_elsewhere;
mod customers_leaving;
mod customers_mails;
mod customers_sessions;
mod demo;
mod edge;
mod grpc;
mod ids;
mod keys;
mod oversell;
mod process;
mod reconcile;
mod structure;
mod support;
mod timeouts;
mod waiting;
