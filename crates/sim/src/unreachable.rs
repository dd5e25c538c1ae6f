//! Cells of the state tables that no correct peer can reach.
//!
//! Most are guards: the table answers all the same, and its own tests check what. A run that
//! reaches one of them shows that the reason given here is wrong.

/// Why the machine's cell cannot be reached; `None` for one that can.
#[must_use]
pub fn why(machine: &str, state: &str, input: &str) -> Option<&'static str> {
    match machine {
        "order" => order(state, input),
        "reservation" => reservation(state, input),
        _ => payment(state, input),
    }
}

fn order(state: &str, input: &str) -> Option<&'static str> {
    match (state, input) {
        ("PAID" | "CONFIRMED", "captured below") => {
            Some("its captures reach the total already, and no capture is taken back")
        }
        ("PENDING held", "rejected") => {
            Some("what is reserved is rejected only once the order is confirmed")
        }
        _ => None,
    }
}

fn reservation(state: &str, input: &str) -> Option<&'static str> {
    match (state, input) {
        ("absent", "try") => None,
        (_, "try") => Some("an intent is decided as if nothing were there; its insert tells"),
        (
            "absent",
            "hold" | "refuse" | "confirm late" | "refuse confirm" | "expire" | "expire early",
        ) => Some("it follows a reservation that was read, and none is ever deleted"),
        ("absent" | "TRYING", "confirm") => Some("an order is confirmed once it has been reserved"),
        ("TRYING" | "RESERVED", "confirm late" | "refuse confirm") => {
            Some("units are found again for what has lapsed, which is never tried again")
        }
        ("tombstone", "hold" | "refuse" | "expire" | "expire early") => {
            Some("a tombstone was never tried, and never lapses")
        }
        ("tombstone", "confirm" | "confirm late" | "refuse confirm") => {
            Some("an order whose cancellation was asked for is never confirmed")
        }
        ("SOLD", "cancel") => Some("an order that is confirmed was never to be canceled"),
        _ => None,
    }
}

fn payment(state: &str, input: &str) -> Option<&'static str> {
    match (state, input) {
        ("absent" | "unmatched", "settle") => Some("settling goes on after the order is known"),
        (
            "absent" | "unmatched" | "open" | "failed",
            "request refund" | "attempt" | "accept" | "answer" | "refuse",
        ) => Some("an order asks for money back of which it was told, so it was captured"),
        _ => None,
    }
}
