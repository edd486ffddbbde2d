//! When a value arrived in the agent: at the line that its log has for each message in its finest level.
//!
//! From there on the agent works; before, the kernel carries the value and wakes it.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use tracing::{
    Event, Metadata, Subscriber,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};

static LATEST: Mutex<Option<Instant>> = Mutex::new(None);

/// Notes arrivals from now on.
pub fn note() {
    tracing::subscriber::set_global_default(Arrivals).expect("the only subscriber");
}

/// When the latest value arrived.
pub fn latest() -> Instant {
    let latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    latest.expect("a value arrived")
}

struct Arrivals;

fn is_arrival(of: &Metadata<'_>) -> bool {
    of.is_event()
        && of.target() == "andon::link::mqtt::connection"
        && *of.level() == tracing::Level::TRACE
}

impl Subscriber for Arrivals {
    /// Everything else costs what it costs without a subscriber.
    fn register_callsite(&self, of: &'static Metadata<'static>) -> Interest {
        match is_arrival(of) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, of: &Metadata<'_>) -> bool {
        is_arrival(of)
    }

    fn event(&self, _: &Event<'_>) {
        *LATEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
