//! Whose fault a failure is: that of the device and its units, or that of one connection which the device does not serve.
//!
//! With one connection there is nothing to tell apart, and every failure is believed at once.

use std::mem;

use crate::sample::Bad;

use super::{super::link::LinkError, Poller, connection::Failure};

/// A connection that was found to have ended adds two, one that was not takes one: at so many it is one too many.
const DISPLACED: u32 = 6;

impl Poller {
    /// Something failed: `poll`, if it was one, over this connection.
    pub(super) fn failed(&mut self, at: usize, poll: Option<usize>, failure: Failure) {
        let connection = &mut self.connections[at];
        let waiting = match failure {
            Failure::Lost(_) => mem::take(&mut connection.errands),
            Failure::Silent(..) => Vec::new(),
        };
        connection.doubted = Some(failure);
        self.doubt(at, poll);
        // Those who were to be asked here are asked elsewhere.
        for (other, _) in waiting {
            self.doubt(other, None);
        }
    }

    /// Has what failed asked once more over a connection that serves; without one it is believed.
    pub(super) fn doubt(&mut self, at: usize, poll: Option<usize>) {
        if self.spread.given_up(at).is_some() {
            return self.give_up(at);
        }
        let poll = poll.or(match &self.connections[at].doubted {
            Some(Failure::Silent(poll, ..)) => Some(*poll),
            _ => None,
        });
        let sound = self.sound(at);
        let asked = self.spread.doubts(at, poll, self.clock.now().mono);
        match sound.zip(asked) {
            Some((sound, asked)) => self.connections[sound].errands.push((at, asked)),
            None => self.believe(at),
        }
    }

    /// What failed over a connection is the device's fault.
    pub(super) fn believe(&mut self, at: usize) {
        let now = self.clock.now().mono;
        match self.connections[at].doubted.take() {
            None => {}
            Some(Failure::Silent(poll, bad, error)) => {
                self.schedule.silent(poll, now, self.random.f64());
                if let Some(unit) = &self.units[poll].unit {
                    self.report.unit_silent(poll, unit, &error, now);
                }
                self.tell(poll, bad);
            }
            // Nothing behind it is known from now on.
            Some(Failure::Lost(error)) => {
                let connection = &mut self.connections[at];
                connection.outage = Some(now + connection.backoff.failed(self.random.f64()));
                let polls: Vec<usize> = self.spread.polls(at).collect();
                self.report.link_lost(&error, &polls, now);
                for poll in polls {
                    self.tell(poll, Bad::Unreachable);
                }
            }
        }
    }

    /// A connection is the fault: the others take over what was asked over it.
    pub(super) fn give_up(&mut self, at: usize) {
        let now = self.clock.now().mono;
        let serves: Vec<bool> = self.connections.iter().map(|one| one.serves).collect();
        self.spread.give_up(at, &serves, now, self.random.f64());
        self.assign(now);
        let connection = &mut self.connections[at];
        connection.serves = false;
        if let Some(link) = &mut connection.link {
            link.close();
        }
        if let Some(Failure::Lost(error) | Failure::Silent(_, _, error)) = connection.doubted.take()
        {
            let (used, all) = (self.spread.in_use(), self.spread.count());
            self.report.gave_up(&error, used, all, now);
        }
    }

    /// Another connection that is known to carry answers.
    fn sound(&self, at: usize) -> Option<usize> {
        let sound = |other: &usize| {
            let connection = &self.connections[*other];
            let in_use = connection.serves && self.spread.given_up(*other).is_none();
            *other != at && in_use && connection.doubted.is_none()
        };
        (0..self.connections.len()).find(sound)
    }

    /// Some devices end the oldest connection where a further one is made. Each of ours is then made anew with every poll, at the cost of
    /// another; so one is given up, and it is looked again.
    pub(super) fn displaced(&mut self, at: usize, replaced: Option<LinkError>) {
        let connection = &mut self.connections[at];
        let Some(error) = replaced else {
            connection.replaced = connection.replaced.saturating_sub(1);
            return;
        };
        connection.replaced += 2;
        let doubted = connection.doubted.is_some();
        if connection.replaced < DISPLACED || doubted || self.sound(at).is_none() {
            return;
        }
        self.connections[at].doubted = Some(Failure::Lost(error));
        self.give_up(at);
        for connection in &mut self.connections {
            connection.replaced = 0;
        }
    }
}
