//! Acknowledgements that wait a moment for each other, so that a steady flow does not cost a packet and a call of the system for each message.
//! Pure: time is an argument.
//!
//! A broker sends only so many messages ahead of their acknowledgements (mosquitto: `max_inflight_messages`), and must not wait for ours. How
//! many that are is not said, but it is known to be enough once as many have come: until then there is hardly ever a wait.

use std::time::Duration;

use bytes::BytesMut;

use super::wire::Ack;
use crate::clock::Mono;

/// So many leave together: most of what there is to save, and brokers send more ahead unless they are told not to.
const MOST: usize = 4;
/// For how long nothing waits after a first wait in which too few messages came to know.
const PAUSE_LEAST: Duration = Duration::from_millis(500);
/// And for how long after many.
const PAUSE_MOST: Duration = Duration::from_secs(60);

/// Acknowledgements that leave as one.
#[derive(Debug)]
pub(super) struct Batch {
    written: BytesMut,
    /// How many are written.
    count: usize,
    most: usize,
    /// An alarm is set, so what waits is not forgotten. Without one nothing waits.
    alarm: bool,
    /// The broker has sent as many ahead as leave together.
    is_known: bool,
    /// Before this nothing waits.
    until: Mono,
    pause: Duration,
}

impl Batch {
    /// For a connection on which at most `max_unacked` messages are sent ahead.
    pub(super) fn new(max_unacked: usize, now: Mono) -> Self {
        Self {
            written: BytesMut::new(),
            count: 0,
            most: (max_unacked / 4).clamp(1, MOST),
            alarm: false,
            is_known: false,
            until: now,
            pause: PAUSE_LEAST,
        }
    }

    /// Messages have arrived, and `waiting` are not dealt with yet. Says whether to set the alarm, which must then [ring](Self::rang) when
    /// the wait has passed.
    pub(super) fn arrived(&mut self, waiting: usize, now: Mono) -> bool {
        self.is_known |= self.count + waiting >= self.most;
        let set = !self.alarm && self.most > 1 && (self.is_known || now >= self.until);
        self.alarm |= set;
        set
    }

    /// The alarm has rung: whatever waits is due.
    pub(super) fn rang(&mut self, now: Mono) {
        self.alarm = false;
        if !self.is_known {
            self.until = now + self.pause;
            self.pause = (self.pause * 2).min(PAUSE_MOST);
        }
    }

    /// Nothing is read until something is acknowledged, so nothing may wait; the alarm that was set does not ring any more.
    pub(super) fn hurry(&mut self) {
        self.alarm = false;
    }

    /// Adds one.
    pub(super) fn add(&mut self, ack: Ack) {
        ack.write(&mut self.written);
        self.count += 1;
    }

    /// Whether something is to leave now.
    pub(super) fn is_due(&self) -> bool {
        self.count >= self.most || (self.count > 0 && !self.alarm)
    }

    /// Everything leaves. The alarm that was set still rings: setting one for each batch would cost as much as a packet.
    pub(super) fn leave(&mut self, send: impl FnOnce(&[u8])) {
        send(&self.written);
        self.written.clear();
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Mono {
        Mono::from_nanos(0) + Duration::from_millis(millis)
    }

    fn batch() -> Batch {
        Batch::new(100, at(0))
    }

    /// What leaves, if anything is due.
    fn left(batch: &mut Batch) -> usize {
        let mut bytes = 0;
        if batch.is_due() {
            batch.leave(|written| bytes = written.len());
        }
        // A PUBACK has four.
        bytes / 4
    }

    /// Plays a broker that sends a message each millisecond as long as fewer than `window` are not acknowledged: gives how many messages it
    /// sent and in how many packets they were acknowledged.
    fn flow(batch: &mut Batch, window: usize, millis: u64) -> (usize, usize) {
        let (mut sent, mut packets, mut ahead, mut rings) = (0, 0, 0, None);
        for now in 0..millis {
            if rings == Some(now) {
                batch.rang(at(now));
                rings = None;
            }
            if ahead < window {
                (sent, ahead) = (sent + 1, ahead + 1);
                if batch.arrived(1, at(now)) {
                    rings = Some(now + 50);
                }
                batch.add(Ack::Received(1));
            }
            let acknowledged = left(batch);
            packets += usize::from(acknowledged > 0);
            ahead -= acknowledged;
        }
        (sent, packets)
    }

    #[test]
    fn in_a_steady_flow_four_messages_share_a_packet() {
        let (sent, packets) = flow(&mut batch(), 20, 1000);
        assert_eq!(sent, 1000);
        assert!((250..=270).contains(&packets), "{packets}");
    }

    #[test]
    fn a_broker_that_waits_for_each_acknowledgement_is_hardly_slower() {
        for window in 1..=6 {
            let (sent, _) = flow(&mut batch(), window, 60_000);
            assert!(sent > 59_000, "{sent} of a window of {window}");
        }
    }

    #[test]
    fn many_leave_at_once_and_a_lone_one_when_the_alarm_rings() {
        let mut batch = batch();
        assert!(batch.arrived(1, at(0)) && !batch.arrived(1, at(1)));
        for waiting in 1..MOST {
            batch.add(Ack::Received(1));
            assert_eq!(left(&mut batch), 0, "{waiting}");
        }
        batch.add(Ack::Received(1));
        assert_eq!(left(&mut batch), MOST);
        batch.add(Ack::Received(1));
        assert_eq!(left(&mut batch), 0);
        batch.rang(at(50));
        assert_eq!(left(&mut batch), 1);
        // What comes later than its alarm has waited long enough.
        batch.add(Ack::Received(1));
        assert_eq!(left(&mut batch), 1);
    }

    #[test]
    fn nothing_waits_where_it_would_stop_the_flow() {
        let mut few = Batch::new(5, at(0));
        assert!(!few.arrived(1, at(0)));
        few.add(Ack::Received(1));
        assert_eq!(left(&mut few), 1);
        let mut full = batch();
        assert!(full.arrived(1, at(0)));
        full.add(Ack::Received(1));
        full.hurry();
        assert_eq!(left(&mut full), 1);
    }
}
