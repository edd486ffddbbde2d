//! Which messages wait for their acknowledgement, and in which order they get it. Pure.

use std::collections::VecDeque;

use rumqttc::{Publish, QoS};

/// Messages in the order in which they arrived.
#[derive(Debug, Default)]
pub(super) struct Acks {
    waiting: VecDeque<Waiting>,
    /// The number of the first in `waiting`.
    first: u64,
}

#[derive(Debug)]
struct Waiting {
    pkid: u16,
    qos: QoS,
    done: bool,
}

impl Acks {
    /// Notes a message and gives it its number.
    pub(super) fn arrived(&mut self, packet: &Publish) -> u64 {
        self.waiting.push_back(Waiting {
            pkid: packet.pkid,
            qos: packet.qos,
            done: false,
        });
        self.first + (self.waiting.len() as u64 - 1)
    }

    /// Notes that a message is dealt with; a number that is not waiting is ignored.
    pub(super) fn done(&mut self, number: u64) {
        let index = number.checked_sub(self.first).map(usize::try_from);
        if let Some(Ok(index)) = index
            && let Some(waiting) = self.waiting.get_mut(index)
        {
            waiting.done = true;
        }
    }

    /// The next message whose acknowledgement may leave: it and all before it are dealt with. rumqttc wants a packet of the
    /// same id and level, the rest of it does not matter.
    pub(super) fn next(&mut self) -> Option<Publish> {
        if !self.waiting.front()?.done {
            return None;
        }
        let waiting = self.waiting.pop_front()?;
        self.first += 1;
        let mut packet = Publish::new("", waiting.qos, Vec::new());
        packet.pkid = waiting.pkid;
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pkid: u16) -> Publish {
        let mut packet = Publish::new("t", QoS::AtLeastOnce, Vec::new());
        packet.pkid = pkid;
        packet
    }

    #[test]
    fn acknowledgements_leave_in_order_of_arrival() {
        let mut acks = Acks::default();
        let numbers: Vec<u64> = [7, 8, 9]
            .map(|pkid| acks.arrived(&packet(pkid)))
            .into_iter()
            .collect();
        acks.done(numbers[1]);
        assert_eq!(acks.next(), None);
        acks.done(numbers[0]);
        let left: Vec<u16> = std::iter::from_fn(|| acks.next())
            .map(|packet| packet.pkid)
            .collect();
        assert_eq!(left, [7, 8]);
        acks.done(numbers[0]);
        acks.done(99);
        assert_eq!(acks.next(), None);
        acks.done(numbers[2]);
        assert_eq!(acks.next().map(|packet| packet.pkid), Some(9));
    }
}
