//! `GET /v1/waiting-rooms/{sku}/place/events`: a place, told as it changes.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use lmall_app::{
    failure::{Failure, chain},
    ports::WaitingError,
};
use lmall_domain::{Sku, waiting::Standing};
use lmall_web::{ApiPath, CustomerId, Problem, openapi::CustomerRefused};

use super::{
    hall::{Seat, Shared},
    view::{Place, Status},
};

/// How often a stream looks: nobody can tell a place that is a second old from a fresh one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The longest life of a stream; browsers open the next one by themselves, and find a server
/// that was started meanwhile.
const STREAM_LIFE: Duration = Duration::from_secs(600);

/// How long a browser waits before it opens the next one.
const RETRY: Duration = Duration::from_secs(2);

/// Listen to the place.
///
/// Events `place`, whose data is the answer of looking at the place: the first one at once, then
/// whenever it has changed. An open stream is a sign of life. It ends after the last change that
/// there can be, when the server stops, and after ten minutes; after an event `gone` there is no
/// place any more.
#[utoipa::path(
    get,
    path = "/v1/waiting-rooms/{sku}/place/events",
    operation_id = "listen_to_waiting_room_place",
    tag = "waiting rooms",
    security(("customer" = [])),
    params(("sku" = String, Path, description = "the SKU", example = "tea-01")),
    responses(
        (status = 200, description = "events", body = String, content_type = "text/event-stream"),
        (status = 404, description = "`/problems/not-found`: no place; join"),
        (status = 429, description = "`/problems/rate-limited`: four streams of the customer"),
        (status = 500, description = "`/problems/internal`"),
        (status = 503, description = "`/problems/unavailable`: too many streams; poll"),
        CustomerRefused,
    ),
)]
pub(crate) async fn events(
    State(hall): State<Shared>,
    CustomerId(customer_id): CustomerId,
    ApiPath(sku): ApiPath<Sku>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let seat = hall.seat(&customer_id)?;
    let first = hall.rooms.visit(&sku, &customer_id).await.map_err(Failure::from)?;
    let first = first.ok_or_else(Problem::not_found)?;
    let ends_at = hall.clock.monotonic() + STREAM_LIFE;
    let listener =
        Listener { hall, customer_id, sku, ends_at, seen: None, over: false, _seat: seat };
    let events = stream::unfold((listener, Some(first)), |(mut listener, first)| async move {
        let event = listener.next(first).await?;
        Some((Ok(event), (listener, None)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// Who listens, and what they have heard.
struct Listener {
    hall: Shared,
    customer_id: lmall_domain::CustomerId,
    sku: Sku,
    ends_at: Duration,
    seen: Option<Place>,
    over: bool,
    _seat: Seat,
}

impl Listener {
    /// The next event; `None` at the end of the stream.
    async fn next(&mut self, first: Option<Standing>) -> Option<Event> {
        let mut found = first.map(Some);
        let mut stop = self.hall.stop.clone();
        while !self.over {
            let standing = match found.take() {
                Some(standing) => standing,
                None => {
                    let goes_on = stop.pause(&*self.hall.clock, LOOK_EVERY).await;
                    if !goes_on || self.hall.clock.monotonic() >= self.ends_at {
                        return None;
                    }
                    self.look().await.ok()?
                }
            };
            let Some(standing) = standing else {
                self.over = true;
                return Some(Event::default().event("gone").data("{}"));
            };
            let place = Place::new(&self.sku, standing, &self.hall.keys);
            if self.seen.as_ref() != Some(&place) {
                self.over = match place.status {
                    Status::Waiting | Status::Admitted => false,
                    Status::Ordered | Status::Lapsed | Status::SoldOut => true,
                };
                let data = serde_json::to_string(&place).ok()?;
                self.seen = Some(place);
                return Some(Event::default().event("place").retry(RETRY).data(data));
            }
        }
        None
    }

    async fn look(&self) -> Result<Option<Standing>, WaitingError> {
        let standing = self.hall.rooms.visit(&self.sku, &self.customer_id).await;
        standing.inspect_err(|error| {
            tracing::warn!(error = chain(error), "a stream of a waiting room broke off");
        })
    }
}
