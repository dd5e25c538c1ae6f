//! Try, Confirm and Cancel: intent, gate, outcome.

use lmall_domain::{
    event::OrderCreated,
    stock::{Command, Decision, Rejection, Reservation, State},
};

use super::{Inventory, TABLE, decide, find::Found};
use crate::{
    Changeset, Refusal,
    consumer::Incoming,
    failure::{Failure, Round, committed, rounds},
    row::Versioned,
};

/// What came of the command of a message.
enum Outcome {
    /// The message is done, now or since before; the reservation is this.
    Done(Option<Reservation>),
    /// The ledger does not have what the gate or an earlier look granted.
    NotEnough,
    /// Nothing is held: units have to be found first.
    NotHeld(Reservation),
}

impl Inventory {
    /// Reserves the lines of a new order.
    pub(super) async fn reserve(
        &self,
        incoming: &Incoming,
        created: &OrderCreated,
    ) -> Result<(), Failure> {
        let order_id = incoming.order_id()?;
        let reservation = self.intend(incoming, created).await?;
        if reservation.value.state != State::Trying {
            return incoming.note_handled(&*self.store, &*self.clock, TABLE).await;
        }
        // The gate's word first; if the ledger contradicts it, the ledger's own.
        let mut ask_gate = true;
        let outcome = rounds(&*self.clock, order_id.get(), || {
            let ask = ask_gate;
            ask_gate = false;
            self.try_round(incoming, &reservation, ask)
        })
        .await?;
        // Canceled or lapsed in between: what the gate granted goes back.
        if outcome.is_some_and(|now| now.state != State::Reserved && now.state != State::Sold) {
            self.give_back(order_id, &reservation.value.lines).await;
        }
        Ok(())
    }

    /// T0, the durable intent: the reservation exists before anything is held for it. Gives the
    /// one that was there before, if any.
    async fn intend(
        &self,
        incoming: &Incoming,
        created: &OrderCreated,
    ) -> Result<Versioned<Reservation>, Failure> {
        let order_id = incoming.order_id()?;
        let lines = created.lines.clone();
        let expires_at = created.pay_by.after(self.settings.reservation_grace);
        let now = self.clock.now();
        let wish = Command::Try { lines, expires_at };
        let Ok(Decision::Change(reservation, moves, event)) = decide(order_id, None, wish, now)
        else {
            return Err(Failure::Never("a new reservation was refused".to_owned()));
        };
        rounds(&*self.clock, order_id.get(), async || {
            let (moves, event, trace) = (moves.clone(), event.clone(), incoming.trace.clone());
            let changes = Self::write(Changeset::new(), 0, &reservation, moves, event, now, trace);
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(Versioned { value: reservation.clone(), version: 1 }),
                Err(_) => match self.reservation(order_id).await? {
                    Some(before) => Round::Done(before),
                    None => Round::Again,
                },
            })
        })
        .await
    }

    /// T1 and T2: finds units, then makes the outcome durable. `None` when it is REJECTED.
    async fn try_round(
        &self,
        incoming: &Incoming,
        intent: &Versioned<Reservation>,
        ask_gate: bool,
    ) -> Result<Round<Option<Reservation>>, Failure> {
        let order_id = incoming.order_id()?;
        // In the first round nobody else has had the time to change it.
        let known = ask_gate.then(|| intent.clone());
        let (lines, gated) = (&intent.value.lines, ask_gate);
        let command = match self.find(order_id, lines, ask_gate).await? {
            Found::All(found) => Command::Hold(found),
            Found::NotEnough(sku) => Command::Refuse(Some(sku)),
        };
        Ok(match self.apply(incoming, known, command).await? {
            Round::Done(Outcome::Done(reservation)) => Round::Done(reservation),
            Round::Done(Outcome::NotEnough) => {
                if gated {
                    self.heal(order_id, lines).await?;
                }
                Round::Again
            }
            Round::Done(Outcome::NotHeld(_)) | Round::Again => Round::Again,
        })
    }

    /// Sells what is held for a paid order; what has lapsed is found again or refused.
    pub(super) async fn confirm(&self, incoming: &Incoming) -> Result<(), Failure> {
        let order_id = incoming.order_id()?;
        let mut ask_gate = true;
        let sold = rounds(&*self.clock, order_id.get(), || {
            let ask = ask_gate;
            ask_gate = false;
            self.confirm_round(incoming, ask)
        })
        .await?;
        let Some(reservation) = sold else { return Ok(()) };
        if reservation.state == State::Sold {
            self.settle(order_id, &reservation.lines).await;
        } else {
            self.give_back(order_id, &reservation.lines).await;
        }
        Ok(())
    }

    async fn confirm_round(
        &self,
        incoming: &Incoming,
        ask_gate: bool,
    ) -> Result<Round<Option<Reservation>>, Failure> {
        let held = match self.apply(incoming, None, Command::Confirm).await? {
            Round::Done(Outcome::NotHeld(lapsed)) => lapsed,
            Round::Done(Outcome::Done(reservation)) => return Ok(Round::Done(reservation)),
            Round::Done(Outcome::NotEnough) | Round::Again => return Ok(Round::Again),
        };
        let found = self.find(held.order_id, &held.lines, ask_gate).await?;
        let command = match found {
            Found::All(found) => Command::ConfirmLate(found),
            Found::NotEnough(sku) => Command::RefuseConfirm(Some(sku)),
        };
        Ok(match self.apply(incoming, None, command).await? {
            Round::Done(Outcome::Done(reservation)) => Round::Done(reservation),
            Round::Done(Outcome::NotEnough) => {
                if ask_gate {
                    self.heal(held.order_id, &held.lines).await?;
                }
                Round::Again
            }
            Round::Done(Outcome::NotHeld(_)) | Round::Again => Round::Again,
        })
    }

    /// Gives back what an order holds, and answers in any case.
    pub(super) async fn cancel(&self, incoming: &Incoming) -> Result<(), Failure> {
        let order_id = incoming.order_id()?;
        let released = rounds(&*self.clock, order_id.get(), async || {
            Ok(match self.apply(incoming, None, Command::Cancel).await? {
                Round::Done(Outcome::Done(reservation)) => Round::Done(reservation),
                Round::Done(Outcome::NotEnough | Outcome::NotHeld(_)) | Round::Again => {
                    Round::Again
                }
            })
        })
        .await?;
        // Also after a repetition: the process may have died before it told the gate.
        if let Some(reservation) = released.filter(|now| now.state == State::Released) {
            self.give_back(order_id, &reservation.lines).await;
        }
        Ok(())
    }

    /// Loads, unless it is `known`, decides, and commits one command of a message, with the
    /// message's dedupe row.
    async fn apply(
        &self,
        incoming: &Incoming,
        known: Option<Versioned<Reservation>>,
        command: Command,
    ) -> Result<Round<Outcome>, Failure> {
        let now = self.clock.now();
        let order_id = incoming.order_id()?;
        let before = match known {
            Some(known) => Some(known),
            None => self.reservation(order_id).await?,
        };
        let current = before.as_ref().map(|before| &before.value);
        let changes =
            Changeset::new().insert(incoming.dedupe_row(TABLE, now), Refusal::AlreadyHandled);
        let (changes, after) = match decide(order_id, current, command, now) {
            Ok(Decision::Change(next, moves, event)) => {
                let version = before.as_ref().map_or(0, |before| before.version);
                let trace = incoming.trace.clone();
                let changes = Self::write(changes, version, &next, moves, event, now, trace);
                (changes, Some(next))
            }
            Ok(Decision::Nothing) => (changes, before.map(|before| before.value)),
            Err(Rejection::NotHeld) => {
                return Ok(match before {
                    Some(before) => Round::Done(Outcome::NotHeld(before.value)),
                    None => Round::Again,
                });
            }
            Err(Rejection::NotYet) => {
                return Err(Failure::NotYet("the order is not reserved yet"));
            }
        };
        Ok(match committed(self.store.commit(changes).await)? {
            Ok(()) => Round::Done(Outcome::Done(after)),
            Err(Refusal::AlreadyHandled) => {
                let now = self.reservation(order_id).await?;
                Round::Done(Outcome::Done(now.map(|now| now.value)))
            }
            Err(Refusal::OutOfStock) => Round::Done(Outcome::NotEnough),
            Err(Refusal::Stale) => Round::Again,
        })
    }
}
