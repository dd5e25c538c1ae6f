//! The room: arrivals, signs of life, admissions, and what became of them.
//!
//! What is to survive a restart are its [`Event`]s: the same events make the same room. Signs of
//! life and the unused part of the rate are not among them: after a restart everybody who waits
//! was seen just now.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use super::{
    Arrival, Event, Outcome, Pace, Settings, Standing, Summary, Ticket,
    estimate::Meter,
    line::{Line, position},
};
use crate::{CustomerId, Sku, Timestamp};

/// Places of one room: what a process holds in 200 MB, and ten times the largest arrival.
pub const PLACES_MAX: u32 = 1_000_000;

/// Events that one round of admitting, or of looking for those who have gone, may make.
pub const ROUND_MAX: usize = 500;

/// Places looked at in one round of looking for those who have gone.
const LOOKED_AT_MAX: u32 = 20_000;

/// What one admission takes of the credit, in its unit.
const ADMISSION: u64 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Left,
    Admitted { quantity: u32, expires_at: Timestamp, deadline: Timestamp },
    Ordered,
    Lapsed,
}

#[derive(Debug, Clone)]
struct Place {
    customer_id: CustomerId,
    state: State,
    seen_at: Timestamp,
}

/// The waiting room of a SKU.
#[derive(Debug, Clone)]
pub struct Room {
    sku: Sku,
    settings: Settings,
    opened_at: Timestamp,
    places: Vec<Place>,
    by_customer: HashMap<CustomerId, u32>,
    line: Line,
    /// Nobody before this place waits.
    first: u32,
    /// Open admissions, each by the time at which it has to be asked what became of it.
    open: BTreeSet<(Timestamp, u32)>,
    promised: u32,
    ordered: u32,
    left: u32,
    lapsed: u32,
    meter: Meter,
    /// Thousandths of admissions that the rate allows now.
    credit: u64,
    credit_at: Timestamp,
    /// Where the next look for those who have gone begins.
    look_from: u32,
}

impl Room {
    /// An empty room.
    #[must_use]
    pub fn new(sku: Sku, settings: Settings, opened_at: Timestamp) -> Self {
        Self {
            sku,
            settings,
            opened_at,
            places: Vec::new(),
            by_customer: HashMap::new(),
            line: Line::default(),
            first: 0,
            open: BTreeSet::new(),
            promised: 0,
            ordered: 0,
            left: 0,
            lapsed: 0,
            meter: Meter::default(),
            credit: ADMISSION,
            credit_at: opened_at,
            look_from: 0,
        }
    }

    /// What it would take for this customer to be in the room.
    #[must_use]
    pub fn arrive(&self, customer_id: &CustomerId) -> Arrival {
        if self.has_place(customer_id) {
            Arrival::Known
        } else if self.ordered >= self.settings.units {
            Arrival::SoldOut
        } else if self.places.len() >= position(PLACES_MAX) {
            Arrival::Full
        } else {
            Arrival::New(Event::Joined { customer_id: customer_id.clone() })
        }
    }

    /// What it would take for this customer to be out of the room. Who was let through is out of
    /// it as soon as the order service says that the admission is void: they are only noted.
    #[must_use]
    pub fn leave(&mut self, customer_id: &CustomerId, now: Timestamp) -> Option<Event> {
        let number = *self.by_customer.get(customer_id)?;
        match self.places[position(number)].state {
            State::Waiting => Some(Event::Left { place: number }),
            State::Admitted { .. } => {
                self.set_deadline(number, now);
                None
            }
            State::Left | State::Ordered | State::Lapsed => None,
        }
    }

    /// Where the customer stands, who thereby gives a sign of life; `None` when they have no
    /// place. An admission that was seen by its customer is theirs until it expires.
    pub fn visit(&mut self, customer_id: &CustomerId, now: Timestamp) -> Option<Standing> {
        let number = *self.by_customer.get(customer_id)?;
        let place = &mut self.places[position(number)];
        place.seen_at = place.seen_at.max(now);
        if let State::Admitted { expires_at, deadline, .. } = place.state
            && deadline > now
        {
            self.set_deadline(number, expires_at);
        }
        self.standing(number, now)
    }

    /// Who is to be let through now, the share of the rate being this; and who would be, had
    /// they not gone.
    pub fn admit(&mut self, now: Timestamp, pace: Pace) -> Vec<Event> {
        self.refill(now, pace);
        let (mut events, mut left, mut credit) = (Vec::new(), self.to_promise(), self.credit);
        let expires_at = now.after(self.settings.token_life());
        let mut number = self.first;
        while let Some(place) = self.places.get(position(number)) {
            if left == 0 || credit < ADMISSION || events.len() >= ROUND_MAX {
                break;
            }
            if place.state == State::Waiting && self.has_gone(place, now) {
                events.push(Event::Left { place: number });
            } else if place.state == State::Waiting {
                let quantity = self.settings.quantity_max.min(left);
                events.push(Event::Admitted { place: number, quantity, at: now, expires_at });
                left -= quantity;
                credit -= ADMISSION;
            }
            number += 1;
        }
        events
    }

    /// Those in line who have gone, as far as one look finds them; the next look goes on from
    /// there.
    pub fn missing(&mut self, now: Timestamp) -> Vec<Event> {
        let mut events = Vec::new();
        let end = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        let mut number = self.look_from.max(self.first);
        let until = end.min(number.saturating_add(LOOKED_AT_MAX));
        while number < until && events.len() < ROUND_MAX {
            let place = &self.places[position(number)];
            if place.state == State::Waiting && self.has_gone(place, now) {
                events.push(Event::Left { place: number });
            }
            number += 1;
        }
        self.look_from = if number >= end { 0 } else { number };
        events
    }

    /// Admissions of which the order service has to be asked what became of them: they have
    /// expired, or their customers left or never asked for them.
    #[must_use]
    pub fn due(&self, now: Timestamp, limit: usize) -> Vec<Ticket> {
        let due = self.open.iter().take_while(|(deadline, _)| *deadline <= now);
        due.take(limit).filter_map(|(_, number)| self.ticket(*number)).collect()
    }

    /// What it takes to note what became of an admission; nothing when that is known.
    #[must_use]
    pub fn settle(&self, place: u32, outcome: Outcome) -> Option<Event> {
        match (self.places.get(position(place))?.state, outcome) {
            (State::Admitted { .. }, Outcome::Ordered { quantity }) => {
                Some(Event::Ordered { place, quantity })
            }
            (State::Admitted { .. }, Outcome::Void) => Some(Event::Lapsed { place }),
            (State::Waiting | State::Left | State::Ordered | State::Lapsed, _) => None,
        }
    }

    /// The customer's open admission.
    #[must_use]
    pub fn ticket_of(&self, customer_id: &CustomerId) -> Option<Ticket> {
        self.ticket(*self.by_customer.get(customer_id)?)
    }

    /// Takes note of what happened, `now` being when this is done. An event that does not fit
    /// what is there changes nothing, and `false` says so.
    pub fn apply(&mut self, event: &Event, now: Timestamp) -> bool {
        let fits = match event {
            Event::Changed { settings } => {
                self.settings = *settings;
                true
            }
            Event::Joined { customer_id } => self.join(customer_id, now),
            Event::Left { place } => {
                let fits = self.out_of_line(*place, State::Left);
                self.left += u32::from(fits);
                fits
            }
            Event::Admitted { place, quantity, at, expires_at } => {
                // Whoever does not ask for it while they are taken to be there has gone.
                let deadline = at.after(self.settings.patience()).min(*expires_at);
                let state =
                    State::Admitted { quantity: *quantity, expires_at: *expires_at, deadline };
                let fits = self.out_of_line(*place, state);
                if fits {
                    // Here and not where it was decided, so that a restart does not refill it.
                    self.refill(*at, Pace::FULL);
                    self.credit = self.credit.saturating_sub(ADMISSION);
                    self.open.insert((deadline, *place));
                    self.promised += quantity;
                    self.meter.record(*at);
                }
                fits
            }
            Event::Ordered { place, quantity } => {
                let fits = self.close(*place, State::Ordered);
                self.ordered = self.ordered.saturating_add(if fits { *quantity } else { 0 });
                fits
            }
            Event::Lapsed { place } => {
                let fits = self.close(*place, State::Lapsed);
                self.lapsed += u32::from(fits);
                fits
            }
        };
        self.move_up();
        fits
    }

    /// Takes every open admission to have been seen by its customer: after a restart, nobody
    /// knows.
    pub fn resume(&mut self) {
        let open: Vec<_> = self.open.iter().map(|(_, number)| *number).collect();
        for number in open {
            if let State::Admitted { expires_at, .. } = self.places[position(number)].state {
                self.set_deadline(number, expires_at);
            }
        }
    }

    /// The room in numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            settings: self.settings,
            opened_at: self.opened_at,
            places: u32::try_from(self.places.len()).unwrap_or(u32::MAX),
            waiting: self.line.len(),
            admitted: u32::try_from(self.open.len()).unwrap_or(u32::MAX),
            promised: self.promised,
            ordered: self.ordered,
            left: self.left,
            lapsed: self.lapsed,
        }
    }

    /// Units that are neither sold nor promised.
    fn to_promise(&self) -> u32 {
        self.settings.units.saturating_sub(self.ordered).saturating_sub(self.promised)
    }

    fn has_place(&self, customer_id: &CustomerId) -> bool {
        let number = self.by_customer.get(customer_id);
        number.is_some_and(|number| match self.places[position(*number)].state {
            State::Waiting | State::Admitted { .. } | State::Ordered => true,
            State::Left | State::Lapsed => false,
        })
    }

    fn has_gone(&self, place: &Place, now: Timestamp) -> bool {
        now.since(place.seen_at) > self.settings.patience()
    }

    fn standing(&self, number: u32, now: Timestamp) -> Option<Standing> {
        match self.places[position(number)].state {
            State::Waiting if self.ordered >= self.settings.units => Some(Standing::SoldOut),
            State::Waiting => {
                let place = self.line.before(number) + 1;
                // Whether there is enough for those behind depends on who gives up.
                let sure = self.to_promise().div_ceil(self.settings.quantity_max.max(1));
                let estimate = (place <= sure).then(|| self.meter.estimate(place, now)).flatten();
                let heartbeat_ms = self.settings.heartbeat_ms;
                Some(Standing::Waiting { place, estimate, heartbeat_ms })
            }
            State::Admitted { deadline, .. } if deadline <= now => Some(Standing::Lapsed),
            State::Admitted { .. } => self.ticket(number).map(Standing::Admitted),
            State::Ordered => Some(Standing::Ordered),
            State::Lapsed => Some(Standing::Lapsed),
            State::Left => None,
        }
    }

    fn ticket(&self, number: u32) -> Option<Ticket> {
        let place = &self.places[position(number)];
        let State::Admitted { quantity, expires_at, .. } = place.state else { return None };
        Some(Ticket {
            sku: self.sku.clone(),
            customer_id: place.customer_id.clone(),
            opened_at: self.opened_at,
            place: number,
            quantity,
            expires_at,
        })
    }

    fn join(&mut self, customer_id: &CustomerId, now: Timestamp) -> bool {
        if self.has_place(customer_id) {
            return false;
        }
        let number = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        let (state, customer_id) = (State::Waiting, customer_id.clone());
        self.by_customer.insert(customer_id.clone(), number);
        self.places.push(Place { customer_id, state, seen_at: now });
        self.line.push();
        true
    }

    /// Takes somebody out of the line, if they are in it.
    fn out_of_line(&mut self, number: u32, to: State) -> bool {
        match self.places.get_mut(position(number)) {
            Some(place) if place.state == State::Waiting => {
                place.state = to;
                self.line.remove(number);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Ends an open admission.
    fn close(&mut self, number: u32, to: State) -> bool {
        let Some(place) = self.places.get_mut(position(number)) else { return false };
        let State::Admitted { quantity, deadline, .. } = place.state else { return false };
        place.state = to;
        self.open.remove(&(deadline, number));
        self.promised -= quantity;
        true
    }

    fn set_deadline(&mut self, number: u32, to: Timestamp) {
        if let State::Admitted { deadline, .. } = &mut self.places[position(number)].state {
            self.open.remove(&(*deadline, number));
            *deadline = to;
            self.open.insert((to, number));
        }
    }

    fn move_up(&mut self) {
        while self.places.get(position(self.first)).is_some_and(|p| p.state != State::Waiting) {
            self.first += 1;
        }
    }

    /// Adds what the rate allows since the last time, and keeps a second's worth at most.
    fn refill(&mut self, now: Timestamp, pace: Pace) {
        let passed_ms = u64::try_from(now.since(self.credit_at).as_millis()).unwrap_or(u64::MAX);
        // Thousandths of the rate are thousandths of admissions a second.
        let per_s = u64::from(self.settings.admitted_per_s) * u64::from(pace.permille());
        let earned = per_s.saturating_mul(passed_ms) / 1_000;
        let most = per_s.max(ADMISSION);
        // What is too little to count stays to be earned.
        if earned > 0 || now < self.credit_at {
            self.credit = self.credit.saturating_add(earned).min(most);
            self.credit_at = now;
        }
    }
}
