use std::time::Duration;

use lmall_domain::{Money, OrderId, RefundId, money::Currency};

use super::*;
use crate::{
    kernel::{Faults, Kernel, Trace},
    provider::{Answer, Total, Webhook, WebhookDoor},
};

/// Takes everything.
struct OpenDoor;

#[async_trait]
impl WebhookDoor for OpenDoor {
    async fn deliver(&self, _: Webhook) -> Answer {
        Answer::Taken
    }
}

fn eur(amount: i64) -> Money {
    Money::new(amount, Currency::from_code("EUR").unwrap())
}

/// Refunds 2 of each of 20 captures of 10 under the fault, up to `tries` times. Gives how many
/// were answered, and what went back in all.
fn refunded(fault: Fault, tries: usize) -> (usize, i64) {
    let kernel = Kernel::new(3, Faults::only(fault, 500_000), Trace::Full);
    let provider = SharedProvider::new(kernel.clone(), Arc::new(OpenDoor));
    let port = GatewayPort::new(kernel.process("payment"), Arc::clone(&provider));
    let answered = Arc::new(parking_lot::Mutex::new(0));
    let (count, books) = (Arc::clone(&answered), Arc::clone(&provider));
    let main = async move {
        for number in 1..=20 {
            let order_id = OrderId::new(number).unwrap();
            let request = RefundRequest {
                id: RefundId::of(order_id, 1),
                order_id,
                provider: NAME.parse().unwrap(),
                payment_id: port.provider.capture(order_id, eur(10)).id,
                amount: eur(2),
            };
            for _ in 0..tries {
                if port.refund(&request).await.is_ok() {
                    *count.lock() += 1;
                    break;
                }
            }
            let more = RefundRequest { id: RefundId::of(order_id, 2), amount: eur(11), ..request };
            let answer = port.refund(&more).await;
            assert!(answer.is_err(), "{answer:?}");
        }
        while port.provider.open_webhooks() > 0 {
            port.site.kernel.sleep(Duration::from_secs(1)).await;
        }
    };
    let run = kernel.run(Box::pin(main), 100_000);
    assert_eq!(run.violation, None);
    let totals: Vec<Total> = books.orders().into_values().flatten().collect();
    assert!(totals.iter().all(|total| total.captured == 10 && [0, 2].contains(&total.refunded)));
    let answered = *answered.lock();
    (answered, totals.iter().map(|total| total.refunded).sum())
}

#[test]
fn a_refund_that_is_not_answered_may_be_done_or_not() {
    let (answered, refunded_in_all) = refunded(Fault::RefundAway, 1);
    assert!((1..20).contains(&answered));
    assert_eq!(refunded_in_all, i64::try_from(2 * answered).unwrap());
    let (answered, refunded_in_all) = refunded(Fault::RefundUnanswered, 1);
    assert!((1..20).contains(&answered));
    assert_eq!(refunded_in_all, 40);
}

#[test]
fn asking_until_there_is_an_answer_gives_back_once() {
    for fault in [Fault::RefundAway, Fault::RefundUnanswered, Fault::SlowPeer] {
        assert_eq!(refunded(fault, 50), (20, 40), "{fault:?}");
    }
}
