//! The contract, on the embedded adapters.

use std::{path::Path, sync::Arc};

use lmall_app::{
    customer::StoredRevocations,
    ports::{Clock, Store},
};
use lmall_embedded::Embedded;
use proptest::prelude::*;
use tempfile::TempDir;

use lmall_contract::{bus, clock::ManualClock, gate, gate_model, revocations, store, store_model};

use crate::watch;

pub(crate) fn open(dir: &Path, clock: &Arc<ManualClock>) -> Embedded {
    Embedded::open(dir, clock.clone()).expect("a directory that nobody else uses")
}

/// A fresh installation, and time.
pub(crate) struct Fresh {
    pub(crate) embedded: Embedded,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dir: TempDir,
}

pub(crate) fn fresh() -> Fresh {
    let dir = TempDir::new().expect("a place for files");
    let clock = Arc::new(ManualClock::new());
    Fresh { embedded: open(dir.path(), &clock), clock, dir }
}

macro_rules! contract {
    ($($name:ident => |$fresh:ident| $run:expr;)*) => {
        $(#[tokio::test]
        async fn $name() {
            let $fresh = fresh();
            $run.await;
            drop($fresh.dir);
        })*
    };
}

contract! {
    a_write_takes_effect_if_its_condition_holds => |it| store::conditions(&*it.embedded.store());
    the_first_refusal_is_the_answer => |it| store::precedence(&*it.embedded.store());
    a_refused_changeset_changes_nothing => |it| store::atomicity(it.embedded.store());
    no_adjustment_is_lost_or_goes_below_zero =>
        |it| store::concurrent_adjustments(it.embedded.store());
    pages_go_both_ways => |it| store::paging(&*it.embedded.store());
    indexes_follow_their_rows => |it| store::indexes(&*it.embedded.store());
    an_adjusted_row_stays_where_it_is => |it| store::adjusted_rows(&*it.embedded.store());
    a_scan_finds_every_row => |it| store::scanning(&*it.embedded.store());
    no_wake_up_is_lost => |it| watch::no_lost_wake_up(it.embedded.store());
    a_watch_ends_in_time => |it| watch::time_out(it.embedded.store(), &it.clock);
    a_message_reaches_its_subscribers => |it| bus::fan_out(&*it.embedded.bus(), &*it.clock);
    a_group_is_delivered_in_order => |it| bus::groups_in_order(&*it.embedded.bus(), &*it.clock);
    what_is_not_deleted_comes_again => |it| bus::redelivery(&*it.embedded.bus(), &*it.clock);
    a_backoff_blocks_its_group => |it| bus::visibility(&*it.embedded.bus(), &*it.clock);
    an_id_is_accepted_once => |it| bus::deduplication(&*it.embedded.bus(), &*it.clock);
    an_id_is_accepted_once_in_five_minutes =>
        |it| bus::deduplication_window(&*it.embedded.bus(), &*it.clock);
    a_waiting_receiver_is_woken => |it| bus::waiting(it.embedded.bus(), &*it.clock, 50);
    a_receiver_may_give_up => |it| bus::giving_up(it.embedded.bus(), it.clock.clone(), 50);
    dead_letters_can_be_found =>
        |it| bus::dead_letters(&*it.embedded.bus(), &*it.embedded.bus(), &*it.clock);
    a_message_is_dead_once =>
        |it| bus::dead_once(&*it.embedded.bus(), &*it.embedded.bus(), &*it.clock);
    a_replay_needs_a_new_id =>
        |it| bus::redriving(&*it.embedded.bus(), &*it.embedded.bus(), &*it.clock);
    a_replay_with_the_old_id_is_dropped =>
        |it| bus::redriving_window(&*it.embedded.bus(), &*it.embedded.bus(), &*it.clock);
    a_standard_queue_has_no_order => |it| bus::standard_queue(&*it.embedded.bus(), &*it.clock);
    a_hold_is_kept_until_it_is_final => |it| gate::holds(&*it.embedded.gate());
    a_gate_opens_in_a_clean_epoch_only => |it| gate::epochs(&*it.embedded.gate());
    a_gate_takes_many_holds_along => |it| gate::many_holds(&*it.embedded.gate());
    a_gate_grants_what_there_is => |it| gate::concurrent_holds(&*it.embedded.gate());
    a_revoked_session_is_void_until_then => |it| revocations::revoked_until(
        &StoredRevocations::new(it.embedded.store(), it.clock.clone()),
        it.clock.now(),
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_changesets_do_what_the_model_does(changesets in store_model::changesets()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let it = fresh();
        let store: Arc<dyn Store> = it.embedded.store();
        runtime.block_on(store_model::agrees(&*store, changesets));
    }
    #[test]
    fn any_calls_of_the_gate_do_what_the_model_does(calls in gate_model::calls()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(gate_model::agrees(&*fresh().embedded.gate(), calls));
    }
}
