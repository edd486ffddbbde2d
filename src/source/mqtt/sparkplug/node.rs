//! One edge node: whether it lives, the order of its messages, and its parts.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use super::{
    asking::Asking,
    fault::Fault,
    letter::{Desk, Letter},
    namespace::{Topic, Verb},
    order::{Order, Print, Turn},
    part::{Part, Yield},
    remark::{Remark, What},
    report::Report,
    value::whole,
};
use crate::{
    clock::Now,
    sample::{Bad, Sample},
    source::trouble::Trouble,
};

/// Names the session between a node and the broker: in births, and in the death that the broker sends when it ends (6.4.19, 6.4.25).
const BD_SEQ: &str = "bdSeq";

/// So many births in a row may have been missed. A number that is further ahead is one of before the node began to count anew.
const MISSED: u64 = 8;

#[derive(Debug)]
pub(super) struct Node<T> {
    /// Group and node.
    descriptor: Arc<str>,
    life: Life,
    /// Those that are watched, by their device; empty for the node itself.
    parts: BTreeMap<Box<str>, Vec<Part>>,
    order: Order<Letter<T>>,
    pub(super) asking: Asking,
    faults: Trouble,
    gaps: Trouble,
    clashes: Trouble,
    deafness: Trouble,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// No birth was heard that still counts, or it has said goodbye since.
    Unborn,
    Alive {
        bd_seq: Option<u64>,
    },
}

impl<T> Node<T> {
    pub(super) fn new(descriptor: Arc<str>) -> Self {
        Self {
            descriptor,
            life: Life::Unborn,
            parts: BTreeMap::new(),
            order: Order::default(),
            asking: Asking::default(),
            faults: Trouble::default(),
            gaps: Trouble::default(),
            clashes: Trouble::default(),
            deafness: Trouble::default(),
        }
    }

    /// Whether nothing is lost when it is forgotten: nothing of it is watched, and nothing of it is held.
    pub(super) fn is_idle(&self) -> bool {
        self.parts.is_empty() && self.order.is_empty()
    }

    /// Deals with a message, or holds it.
    pub(super) fn take(&mut self, letter: Letter<T>, print: Print, desk: &mut Desk<'_, T>) {
        let at = letter.at;
        self.end_waiting(at, desk);
        let Some(topic) = Topic::read(&letter.topic) else {
            return desk.done(at, letter, Vec::new());
        };
        if letter.kept {
            self.fault(topic.device, Fault::Kept, at, desk);
            return desk.done(at, letter, Vec::new());
        }
        match (topic.verb, topic.device) {
            (Verb::Birth, "") => self.birth(letter, print, desk),
            (Verb::Death, "") => self.death(letter, desk),
            (verb, device) => {
                let device = Box::from(device);
                self.in_order(letter, verb, device, print, desk);
            }
        }
    }

    /// Looks at what ends by itself.
    pub(super) fn tick(&mut self, at: Now, desk: &mut Desk<'_, T>) {
        self.end_waiting(at, desk);
        let samples = self.each(None, desk, at, |part| part.tick(at.mono));
        desk.say(at, samples);
        let deaf = self.asking.is_deaf();
        for (trouble, what, goes_on) in [
            (&mut self.faults, What::Faults, false),
            (&mut self.gaps, What::Gap, false),
            (&mut self.clashes, What::Clash, false),
            (&mut self.deafness, What::Deaf, deaf),
        ] {
            let over = (!goes_on).then(|| trouble.fine(at.mono)).flatten();
            desk.remark(over, what, || self.descriptor.to_string());
        }
    }

    /// It is asked to be born again.
    pub(super) fn asked(&mut self, at: Now) -> Option<Remark> {
        self.asking.asked(at.mono);
        let deaf = self.asking.is_deaf();
        let say = deaf.then(|| self.deafness.failed(at.mono)).flatten()?;
        Some(Remark {
            of: self.descriptor.to_string(),
            what: What::Deaf,
            say,
        })
    }

    /// The connection to the broker is gone: nothing that was heard over it counts any more, and nothing is owed to it.
    pub(super) fn disconnect(&mut self, desk: &mut Desk<'_, T>) {
        self.life = Life::Unborn;
        self.asking.settled();
        for letter in self.order.drop_held(|_| false) {
            desk.free_room(&letter);
        }
        for part in self.parts.values_mut().flatten() {
            part.lose(Bad::Unreachable);
            desk.claims.let_go(part.seat());
        }
    }

    /// Takes out all that is held: the node is not to be followed any more.
    pub(super) fn abandon(&mut self) -> Vec<Letter<T>> {
        self.order.drop_held(|_| false)
    }

    fn birth(&mut self, letter: Letter<T>, print: Print, desk: &mut Desk<'_, T>) {
        let at = letter.at;
        if self.is_alive() && self.order.was_last(print) {
            return desk.done(at, letter, Vec::new());
        }
        let read = letter.report();
        let read = read.and_then(|report| Ok((report, bd_seq(&report)?)));
        let (report, bd_seq) = match read {
            Ok(read) => read,
            Err(why) => {
                self.life = Life::Unborn;
                self.asking.want();
                self.fault("", why, at, desk);
                let samples = self.each(None, desk, at, |part| part.lose(Bad::Malformed).into());
                return desk.done(at, letter, samples);
            }
        };
        self.life = Life::Alive { bd_seq };
        self.asking.settled();
        self.order.begin(report.seq.unwrap_or(0), print);
        let born = report.timestamp;
        // What was sent before belongs to an earlier life.
        let is_of_this = |held: &Letter<T>| {
            let sent = held.report().ok().and_then(|report| report.timestamp);
            born.is_some() && sent >= born
        };
        self.drop_held(at, desk, is_of_this);
        let awaiting = self
            .parts
            .iter_mut()
            .filter(|(device, _)| !device.is_empty());
        for part in awaiting.flat_map(|(_, parts)| parts) {
            part.await_birth(at.mono);
        }
        self.deal_with(letter, at, desk);
        self.drain(at, desk);
    }

    fn death(&mut self, letter: Letter<T>, desk: &mut Desk<'_, T>) {
        let at = letter.at;
        let told = letter.report().and_then(|report| bd_seq(&report));
        let told = told.unwrap_or_else(|why| {
            self.fault("", why, at, desk);
            None
        });
        if let Life::Alive { bd_seq: born } = self.life {
            match (born, told) {
                (Some(born), Some(told)) if born == told => self.asking.settled(),
                // Of an earlier session, whose end the broker noticed late.
                (Some(born), Some(told)) if !is_next(told, born) => {
                    return desk.done(at, letter, Vec::new());
                }
                // Of one of the next, whose birth was missed, or nobody can say of which. Better blind for a moment than for ever: if the node
                // lives, it answers.
                _ => self.asking.want(),
            }
        }
        self.life = Life::Unborn;
        self.drop_held(at, desk, |_| false);
        let samples = self.each(None, desk, at, |part| part.death().into());
        desk.done(at, letter, samples);
    }

    fn in_order(
        &mut self,
        letter: Letter<T>,
        verb: Verb,
        device: Box<str>,
        print: Print,
        desk: &mut Desk<'_, T>,
    ) {
        let at = letter.at;
        let seq = letter.report();
        let seq = match seq.and_then(|report| report.seq.ok_or(Fault::NoSeq)) {
            Ok(seq) => seq,
            Err(why) => {
                self.asking.want();
                let samples = self.each(Some(&device), desk, at, Part::malformed);
                self.fault(&device, why, at, desk);
                return desk.done(at, letter, samples);
            }
        };
        // The birth of a device may overtake that of its node. Nothing else means anything before it.
        if !self.is_alive() && verb != Verb::Birth {
            self.asking.want();
            return desk.done(at, letter, Vec::new());
        }
        match self.order.turn(seq, print, letter.again) {
            Turn::Take if self.is_alive() => {
                self.order.took(print);
                self.deal_with(letter, at, desk);
                self.drain(at, desk);
            }
            Turn::Again => desk.done(at, letter, Vec::new()),
            Turn::Take | Turn::Hold if desk.take_room(&letter) => {
                self.order.hold(seq, print, letter, at.mono);
                self.end_waiting(at, desk);
            }
            Turn::Take | Turn::Hold | Turn::Lost => {
                self.lose(at, desk);
                desk.done(at, letter, Vec::new());
            }
        }
    }

    /// Takes what was held and is next now.
    fn drain(&mut self, at: Now, desk: &mut Desk<'_, T>) {
        while let Some((print, letter)) = self.order.release(at.mono) {
            desk.free_room(&letter);
            self.order.took(print);
            self.deal_with(letter, at, desk);
        }
    }

    /// Takes a message whose turn it is.
    fn deal_with(&mut self, letter: Letter<T>, at: Now, desk: &mut Desk<'_, T>) {
        let (Some(topic), Ok(report)) = (Topic::read(&letter.topic), letter.report()) else {
            // Both were read before.
            return desk.done(at, letter, Vec::new());
        };
        if topic.verb == Verb::Birth {
            self.seat(&letter.topic, topic.device, at, desk);
        }
        let samples = self.each(Some(topic.device), desk, at, |part| match topic.verb {
            Verb::Birth => part.birth(&report, at.mono),
            Verb::Data => part.data(&report, at.mono),
            Verb::Death => part.death().into(),
        });
        desk.done(at, letter, samples);
    }

    /// Gives who is born the seats that its topic is for.
    fn seat(&mut self, topic: &str, device: &str, at: Now, desk: &mut Desk<'_, T>) {
        let found = desk.plan.find(topic);
        desk.strangers.extend(found.stranger);
        for (seat, watched) in found.seats {
            if !desk.claims.take(seat, &self.descriptor, device) {
                let say = self.clashes.failed(at.mono);
                desk.remark(say, What::Clash, || self.name_of(device));
                continue;
            }
            let parts = self.parts.entry(device.into()).or_default();
            if !parts.iter().any(|part| part.seat() == seat) {
                parts.push(Part::new(seat, watched));
            }
        }
    }

    /// Lets parts do something: those of one device, or all.
    fn each(
        &mut self,
        device: Option<&str>,
        desk: &mut Desk<'_, T>,
        at: Now,
        mut act: impl FnMut(&mut Part) -> Yield,
    ) -> Vec<Sample> {
        let (mut samples, mut faults) = (Vec::new(), Vec::new());
        let bound = || device.map_or(Bound::Unbounded, Bound::Included);
        for (device, parts) in self.parts.range_mut::<str, _>((bound(), bound())) {
            parts.retain_mut(|part| {
                if !desk.claims.has(part.seat(), &self.descriptor, device) {
                    // Another one has taken the seat, as this one was gone.
                    return false;
                }
                let came = act(part);
                samples.extend(came.samples);
                faults.extend(came.fault.map(|why| (device.clone(), why)));
                if came.needs_birth {
                    self.asking.want();
                }
                if !part.lives() {
                    desk.claims.let_go(part.seat());
                }
                true
            });
        }
        self.parts.retain(|_, parts| !parts.is_empty());
        for (device, why) in faults {
            self.fault(&device, why, at, desk);
        }
        samples
    }

    /// Ends the waiting for a message that does not come.
    fn end_waiting(&mut self, at: Now, desk: &mut Desk<'_, T>) {
        if self.order.has_waited(desk.reorder, at.mono) {
            self.lose(at, desk);
        }
    }

    /// Messages are missing: what is held may mean something else than it says, and what was said may not be true any more.
    fn lose(&mut self, at: Now, desk: &mut Desk<'_, T>) {
        self.asking.want();
        self.drop_held(at, desk, |_| false);
        if std::mem::replace(&mut self.life, Life::Unborn) == Life::Unborn {
            return;
        }
        desk.counts.gaps += 1;
        desk.last.gap = self.descriptor.to_string();
        let say = self.gaps.failed(at.mono);
        desk.remark(say, What::Gap, || self.descriptor.to_string());
        let samples = self.each(None, desk, at, |part| part.lose(Bad::Gap).into());
        desk.say(at, samples);
    }

    fn drop_held(&mut self, at: Now, desk: &mut Desk<'_, T>, keep: impl Fn(&Letter<T>) -> bool) {
        for letter in self.order.drop_held(keep) {
            desk.free_room(&letter);
            desk.done(at, letter, Vec::new());
        }
    }

    fn fault(&mut self, device: &str, why: Fault, at: Now, desk: &mut Desk<'_, T>) {
        desk.counts.faults += 1;
        desk.last.fault = format!("{}: {why}", self.name_of(device));
        let say = self.faults.failed(at.mono);
        desk.remark(say, What::Fault(why), || self.name_of(device));
    }

    /// What people know a device by, or the node itself.
    fn name_of(&self, device: &str) -> String {
        match device {
            "" => self.descriptor.to_string(),
            device => format!("{}/{device}", self.descriptor),
        }
    }

    fn is_alive(&self) -> bool {
        matches!(self.life, Life::Alive { .. })
    }
}

/// Whether a session is one of the next after another one: the numbers go from 0 to 255 and round (6.4.19).
fn is_next(session: u64, other: u64) -> bool {
    (1..=MISSED).contains(&(session.wrapping_sub(other) & 0xff))
}

/// The number of the session, if a birth or death has it.
fn bd_seq(report: &Report<'_>) -> Result<Option<u64>, Fault> {
    let mut found = None;
    for metric in report.metrics() {
        let metric = metric?;
        if metric.name.as_deref() == Some(BD_SEQ) {
            found = whole(&metric);
        }
    }
    Ok(found)
}
