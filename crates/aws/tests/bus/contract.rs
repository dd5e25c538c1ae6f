//! What every bus promises, on SNS and SQS.

use lmall_contract::bus;

use crate::world::world;

macro_rules! contract {
    ($($name:ident => |$it:ident| $run:expr;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let $it = world().await;
            $run.await;
            drop($it.aws);
        })*
    };
}

contract! {
    a_message_reaches_its_subscribers => |it| bus::fan_out(&*it.bus, &*it.time);
    a_group_is_delivered_in_order => |it| bus::groups_in_order(&*it.bus, &*it.time);
    what_is_not_deleted_comes_again => |it| bus::redelivery(&*it.bus, &*it.time);
    a_backoff_blocks_its_group => |it| bus::visibility(&*it.bus, &*it.time);
    an_id_is_accepted_once => |it| bus::deduplication(&*it.bus, &*it.time);
    a_waiting_receiver_is_woken => |it| bus::waiting(it.bus.clone(), &*it.time, 5);
    a_receiver_may_give_up => |it| bus::giving_up(it.bus.clone(), it.time.clone(), 10);
    dead_letters_can_be_found => |it| bus::dead_letters(&*it.bus, &it.book, &*it.time);
    a_message_is_dead_once => |it| bus::dead_once(&*it.bus, &it.book, &*it.time);
    a_replay_needs_a_new_id => |it| bus::redriving(&*it.bus, &it.book, &*it.time);
    a_standard_queue_has_no_order => |it| bus::standard_queue(&*it.bus, &*it.time);
}
