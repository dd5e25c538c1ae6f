//! Scripts, by their text and its hash.

use std::sync::LazyLock;

use redis::{Cmd, cmd};

/// A script of one key.
pub(super) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }

    /// Runs it, if the server has it.
    pub(super) fn by_hash(&self, key: &str) -> Cmd {
        let mut call = cmd("EVALSHA");
        call.arg(&self.hash).arg(1).arg(key);
        call
    }

    /// Runs it; from then on the server has it.
    pub(super) fn by_text(&self, key: &str) -> Cmd {
        let mut call = cmd("EVAL");
        call.arg(self.text).arg(1).arg(key);
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
}
