//! The task that keeps a connection up: one connection after the other, with a wait between them.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Event, Options, Shared,
    backoff::Backoff,
    connection::{Connection, End},
    poison::{Poison, hours},
};
use crate::clock::Clock;

/// Runs until it is stopped, or until nobody reads the events any more.
pub(super) async fn keep_connected(
    options: Options,
    clock: Clock,
    shared: Arc<Shared>,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
) {
    let mut backoff = Backoff::new(&options.timing);
    let mut poison = Poison::default();
    let mut number = 0;
    while !stop.is_cancelled() && !events.is_closed() {
        number += 1;
        let connection = Connection {
            number,
            options: &options,
            clock: &clock,
            shared: &shared,
            events: &events,
            stop: &stop,
            poison: &mut poison,
        };
        let (connected_for, end) = Box::pin(connection.run()).await;
        *shared.lock() = None;
        if connected_for >= options.timing.stable {
            backoff.reset();
        }
        for event in tell(end, &options, &mut poison, &clock) {
            tokio::select! {
                sent = events.send(event) => if sent.is_err() { return },
                () = stop.cancelled() => return,
            }
        }
        let wait = backoff.next(fastrand::f64());
        tokio::select! {
            () = waited(wait, &clock) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Events about the end of a connection.
fn tell(end: End, options: &Options, poison: &mut Poison, clock: &Clock) -> Vec<Event> {
    match end {
        End::Stopped => Vec::new(),
        End::Broken(why) => vec![Event::Disconnected { why }],
        End::Flushed => {
            poison.flushed();
            let why = format!(
                "a packet that cannot be read came at every connect, so the session `{}` was discarded at the broker \
                 with the messages that waited in it; topics are now subscribed to one by one",
                options.client_id
            );
            vec![Event::SessionDiscarded { why }]
        }
        End::Unreadable { error, suspect } => {
            let until = clock.now().mono + options.timing.aside;
            let lost = poison.unreadable(&error, suspect, until);
            let lost = lost.and_then(|filter| options.filters.get(filter));
            let why = format!("{}:{}: {error}", options.host, options.port);
            let mut events = vec![Event::Disconnected { why }];
            events.extend(lost.map(|filter| Event::FilterLost {
                filter: Arc::clone(&filter.topic),
                why: format!(
                    "{error}; left out and tried again after {} h; remove the retained message or raise max_packet",
                    hours(options.timing.aside)
                ),
            }));
            events
        }
    }
}

/// Waits on the clock that counts suspend, so that a gateway that wakes up does not wait on.
async fn waited(wait: Duration, clock: &Clock) {
    let until = clock.now().mono + wait;
    loop {
        let left = until.since(clock.now().mono);
        if left.is_zero() {
            return;
        }
        sleep(left.min(Duration::from_secs(1))).await;
    }
}
