//! The ports of the use cases, on the models: where calls take time, fail and are cut off.

mod bus;
mod gate;
mod gateway;
mod store;

pub use self::{
    bus::{BusObserver, BusOptions, BusPort, SharedBus},
    gate::GatePort,
    gateway::GatewayPort,
    store::{CommitObserver, SharedStore, StorePort},
};
