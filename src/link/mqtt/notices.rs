//! What people should know of what a broker grants, where that is less than was asked for. Pure.

use super::{
    Event, Filter, Options,
    wire::{Accepted, Granted},
};

/// Of a connection that it has accepted.
pub(super) fn of_connection(accepted: &Accepted, options: &Options) -> Vec<Event> {
    let mut notices = Vec::new();
    if let Some(kept) = accepted.session_expiry
        && !options.clean
        && kept < options.session_expiry
    {
        notices.push(format!(
            "the broker keeps our session for {} s after a connection ends, not for {} s; what comes later is lost",
            kept.as_secs(),
            options.session_expiry.as_secs()
        ));
    }
    let most = options.filters.iter().map(|filter| filter.qos).max();
    if Some(accepted.max_qos) < most {
        notices.push("the broker knows QoS 0 only: what it cannot send is lost".to_owned());
    }
    let event = |what| Event::Notice { what };
    notices.into_iter().map(event).collect()
}

/// Of its answer to a subscription.
pub(super) fn of_subscription(filter: &Filter, granted: Granted) -> Option<Event> {
    let topic = filter.topic.clone();
    match granted {
        Err(why) => Some(Event::FilterLost { filter: topic, why }),
        Ok(qos) if qos < filter.qos => Some(Event::Notice {
            what: format!("the broker sends {topic} at QoS 0 only: what it cannot send is lost"),
        }),
        Ok(_) => None,
    }
}
