//! Scripts, by their text and its hash.

use std::sync::LazyLock;

use redis::{Cmd, cmd};

/// A script of one key, or of several on one node.
pub(super) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }

    /// Runs it, if the server has it.
    pub(super) fn by_hash(&self, keys: &[&str]) -> Cmd {
        let mut call = cmd("EVALSHA");
        call.arg(&self.hash).arg(keys.len()).arg(keys);
        call
    }

    /// Runs it; from then on the server has it.
    pub(super) fn by_text(&self, keys: &[&str]) -> Cmd {
        let mut call = cmd("EVAL");
        call.arg(self.text).arg(keys.len()).arg(keys);
        call
    }
}

macro_rules! scripts {
    ($($name:ident: $($file:literal)+;)*) => {
        $(pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!($(include_str!($file)),+)));)*
    };
}

scripts! {
    HOLD: "hold.lua";
    SETTLE: "settle.lua";
    CANCEL: "add.lua" "cancel.lua";
    CREDIT: "add.lua" "credit.lua";
    CLOSE: "close.lua";
    OPEN: "open.lua";
    LIMIT: "limit.lua";
    BARE: "bare.lua";
    ROOM_OPEN: "rooms/time.lua" "rooms/open.lua";
    ROOM_CLOSE: "rooms/close.lua";
    ROOM_SUMMARY: "rooms/summary.lua";
    ROOM_JOIN: "rooms/time.lua" "rooms/join.lua";
    ROOM_VISIT: "rooms/time.lua" "rooms/visit.lua";
    ROOM_LEAVE: "rooms/time.lua" "rooms/leave.lua";
    ROOM_ADMIT: "rooms/time.lua" "rooms/admit.lua";
    ROOM_DUE: "rooms/time.lua" "rooms/due.lua";
    ROOM_SETTLE: "rooms/settle.lua";
}
