//! Who is behind the gateway, and which path belongs to whom.

use http::Method;

/// A service behind the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Customers, their sessions, and the keys that their tokens are signed with.
    User,
    /// Products, prices and the search.
    Product,
    /// Orders.
    Order,
    /// Stock.
    Inventory,
    /// Payments and providers' webhooks.
    Payment,
    /// What operators ask.
    Ops,
    /// Ids in batches.
    Ids,
    /// Places in a queue, where they are not served by the gateway itself.
    Waiting,
}

/// What a request is limited as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It changes nothing.
    Read,
    /// It changes something.
    Write,
    /// It changes who somebody is: passwords are guessed here, and cost a hash each.
    Login,
    /// A payment provider tells something. It comes from few addresses, many at a time, and is
    /// signed; whatever it says in `Authorization` is the provider's own.
    Webhook,
}

/// What the requests of a route are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ordinary,
    Logins,
    Webhooks,
}

/// What a path begins with, and who has it. A prefix ends with a segment.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) prefix: &'static str,
    pub(crate) service: Service,
    pub(crate) kind: Kind,
}

const fn route(prefix: &'static str, service: Service, kind: Kind) -> Route {
    Route { prefix, service, kind }
}

/// All of them.
pub(crate) const ROUTES: [Route; 16] = [
    route("/v1/customers", Service::User, Kind::Logins),
    route("/v1/sessions", Service::User, Kind::Logins),
    route("/v1/oidc", Service::User, Kind::Logins),
    route("/.well-known", Service::User, Kind::Ordinary),
    route("/v1/products", Service::Product, Kind::Ordinary),
    route("/v1/categories", Service::Product, Kind::Ordinary),
    route("/v1/quotes", Service::Product, Kind::Ordinary),
    route("/v1/search", Service::Product, Kind::Ordinary),
    route("/v1/orders", Service::Order, Kind::Ordinary),
    route("/v1/inventory", Service::Inventory, Kind::Ordinary),
    route("/v1/payments", Service::Payment, Kind::Ordinary),
    route("/v1/webhooks", Service::Payment, Kind::Webhooks),
    route("/v1/ops", Service::Ops, Kind::Ordinary),
    route("/v1/ids", Service::Ids, Kind::Ordinary),
    route("/v1/waiting-rooms", Service::Waiting, Kind::Ordinary),
    // More than the prefix above, and it may take as long as an operator waits.
    route(crate::SLOW_ROUTE, Service::Ops, Kind::Ordinary),
];

impl Service {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::User,
        Self::Product,
        Self::Order,
        Self::Inventory,
        Self::Payment,
        Self::Ops,
        Self::Ids,
        Self::Waiting,
    ];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Product => "product",
            Self::Order => "order",
            Self::Inventory => "inventory",
            Self::Payment => "payment",
            Self::Ops => "ops",
            Self::Ids => "ids",
            Self::Waiting => "waiting",
        }
    }
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Login, Self::Webhook];

    /// Its name in metrics and settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Login => "login",
            Self::Webhook => "webhook",
        }
    }

    /// The class of a request.
    pub(crate) fn of(kind: Kind, method: &Method) -> Self {
        match kind {
            Kind::Webhooks => Self::Webhook,
            Kind::Ordinary | Kind::Logins if method.is_safe() => Self::Read,
            Kind::Ordinary => Self::Write,
            Kind::Logins => Self::Login,
        }
    }
}
