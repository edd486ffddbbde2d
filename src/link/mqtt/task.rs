//! The task that keeps a connection up: one connection after the other, with a wait between them.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Event, Options, Shared,
    backoff::Backoff,
    connection::{Connection, End},
    rival::Rival,
};
use crate::clock::{Clock, Wall};

/// Runs until it is stopped, or until nobody reads the events any more.
pub(super) async fn keep_connected(
    mut options: Options,
    clock: Clock,
    shared: Arc<Shared>,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
) {
    let status = options.status.take();
    let mut backoff = Backoff::new(&options.timing);
    let mut rival = Rival::default();
    let (mut number, mut begun) = (0, Wall::from_millis(0));
    while !stop.is_cancelled() && !events.is_closed() {
        number += 1;
        // Who compares the times takes what is said with an earlier one for old, also after the clock was set back.
        begun = clock.now().wall.max(begun).max(shared.known());
        options.status = status.as_ref().map(|status| status.at(begun));
        let connection = Connection {
            number,
            options: &options,
            begun,
            status: status.as_ref(),
            clock: &clock,
            shared: &shared,
            events: &events,
            stop: &stop,
        };
        let ended = Box::pin(connection.run()).await;
        *shared.lock() = None;
        if ended.lasted >= options.timing.stable {
            backoff.reset();
        }
        let why = tell(ended.end, ended.lasted, &options, &mut rival);
        let last = why.map(|why| Event::Disconnected { why });
        // What had arrived is handed on before the end is told.
        for event in ended.rest.into_iter().chain(last) {
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

/// What happened and what to do; nothing if it was told to stop.
fn tell(end: End, lasted: Duration, options: &Options, rival: &mut Rival) -> Option<String> {
    let (address, id) = (options.address(), &options.client_id);
    let likely = match &end {
        End::Closed => rival.ended(lasted, options.timing.short),
        _ => {
            rival.is_none();
            false
        }
    };
    match end {
        End::Stopped => None,
        End::Broken(why) => Some(why),
        End::TakenOver => Some(format!(
            "another client uses the client id `{id}` and has taken our place at {address}; give each its own `client_id`"
        )),
        End::Closed if likely => Some(format!(
            "{address} closed the connection again and again, soon after it was accepted; another client may use the client id `{id}`: give each its own `client_id`"
        )),
        End::Closed => Some(format!("{address} closed the connection")),
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
