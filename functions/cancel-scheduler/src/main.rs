//! Cancels orders whose time to pay is over.

use std::{sync::Arc, time::Duration};

use lmall_app::order::{Orders, Settings};
use lmall_cancel_scheduler::{Nobody, Parts, handle};

/// No order is placed here, so none is given time to pay.
const SETTINGS: Settings = Settings { payment_timeout: Duration::ZERO };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lmall_lambda::start(
        |aws| {
            let (watch, ids) = (Arc::new(Nobody), Arc::new(Nobody));
            let clock = Arc::clone(&aws.clock);
            Ok(Parts { orders: Orders::new(aws.store(), watch, clock, ids, SETTINGS) })
        },
        handle,
    )
    .await
}
