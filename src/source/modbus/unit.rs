//! One unit behind a link: which of its blocks to ask now, and what the answers say about its tags.
//!
//! It knows three kinds of failure and keeps each as small as it is. A silent unit is left alone as a whole; the schedule decides for how
//! long. A block that fails while the unit answers others rests on its own. A block that is refused for an illegal address is split
//! until only the tag that is illegal fails: that tag is a fault of the configuration, is quarantined, and tried again more and more
//! rarely. It neither logs nor sends samples, and has no connection of its own.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use crate::{
    clock::{Clock, Mono},
    sample::{Bad, Reading, TagId},
};

use super::{
    backoff::Backoff,
    decode::{Answer, Decoder},
    link::{Link, LinkError},
    plan::{Block, Limits, Span, plan},
};

/// Refused blocks are split at most so often in one poll, so that a device that refuses everything does not hold up its neighbours.
const SPLITS: usize = 8;
/// After this time blocks that were split, and of which nothing is refused any more, are tried whole again; the second figure is the
/// longest that this grows to, for devices that have a gap which nobody may read.
const REMERGE: (Duration, Duration) = (Duration::from_secs(600), Duration::from_secs(86_400));
/// The shortest rest of a block that fails while its unit answers.
const REST: Duration = Duration::from_secs(1);
/// The longest rest of one that is silent or garbled.
const DISTURBED: Duration = Duration::from_secs(30);
/// The longest rest of one that is refused: a device that was starting is believed again after seconds, a wrong address costs nearly
/// nothing.
const QUARANTINE: Duration = Duration::from_secs(600);

/// Exception codes (MODBUS Application Protocol V1.1b3, section 7) that mean the request, not the moment, is wrong.
pub(super) const ILLEGAL: std::ops::RangeInclusive<u8> = 1..=3;
const ILLEGAL_FUNCTION: u8 = 1;
const GATEWAY_NO_PATH: u8 = 10;
const GATEWAY_NO_ANSWER: u8 = 11;

/// A tag as the poller needs it.
#[derive(Clone, Debug)]
pub(super) struct PolledTag {
    /// Its index in the plant.
    pub(super) id: TagId,
    /// For people: `mill-1/spindle_temp (holding:100)`.
    pub(super) name: Arc<str>,
    /// Where it lies.
    pub(super) span: Span,
    /// What it means.
    pub(super) decoder: Decoder,
}

/// What a poll came to.
#[derive(Debug)]
pub(super) enum Polled {
    /// The unit answered. A reading for each tag that was asked for or is known to rest; `None` for one that was not asked
    /// because the unit fell silent half way.
    Heard(Vec<Option<Reading>>),
    /// It answered nothing, or nothing that could be understood, for this reason.
    Silent(Bad, LinkError),
}

/// A unit and what it remembers between polls.
#[derive(Debug)]
pub(super) struct Unit {
    /// The Modbus unit id.
    pub(super) id: u8,
    /// Its tags.
    pub(super) tags: Vec<PolledTag>,
    spans: Vec<Span>,
    limits: Limits,
    parts: VecDeque<Part>,
    /// When whole blocks may be tried again; none while none is split.
    remerge_at: Option<Mono>,
    remerge: Backoff,
    /// How often blocks may be split in the next poll.
    splits: usize,
}

/// A block with its failures.
#[derive(Debug)]
struct Part {
    block: Block,
    failed_at: Option<Mono>,
    rest: Option<(Bad, Mono)>,
    /// Refused, and nothing smaller can be asked.
    quarantined: bool,
    backoff: Backoff,
}

impl Part {
    fn new(block: Block) -> Self {
        Self {
            block,
            failed_at: None,
            rest: None,
            quarantined: false,
            backoff: Backoff::new(REST, QUARANTINE),
        }
    }

    fn resting(&self, now: Mono) -> Option<Bad> {
        self.rest
            .filter(|(_, until)| now < *until)
            .map(|(bad, _)| bad)
    }

    fn rest(&mut self, bad: Bad, most: Duration, now: Mono, random: f64) {
        self.failed_at = Some(now);
        self.rest = Some((bad, now + self.backoff.failed(random).min(most)));
    }

    fn quarantine(&mut self, bad: Bad, now: Mono, random: f64) {
        self.quarantined = true;
        self.rest(bad, QUARANTINE, now, random);
    }

    /// It is in order. Whether it was quarantined before.
    fn recover(&mut self) -> bool {
        (self.failed_at, self.rest) = (None, None);
        self.backoff.reset();
        std::mem::take(&mut self.quarantined)
    }
}

impl Unit {
    /// A unit that was not asked yet.
    pub(super) fn new(id: u8, tags: Vec<PolledTag>, limits: Limits) -> Self {
        let spans: Vec<Span> = tags.iter().map(|tag| tag.span).collect();
        let mut unit = Self {
            id,
            tags,
            spans,
            limits,
            parts: VecDeque::new(),
            remerge_at: None,
            remerge: Backoff::new(REMERGE.0 / 2, REMERGE.1),
            splits: SPLITS,
        };
        unit.forget();
        unit
    }

    /// Forgets which blocks failed: the device may be another one by now. What was split before may be split again in one poll, so that
    /// a tag which was read goes on being read.
    pub(super) fn forget(&mut self) {
        self.remerge.reset();
        self.merge();
    }

    fn merge(&mut self) {
        self.splits = self.parts.len().max(SPLITS);
        let blocks = plan(&self.spans, &self.limits);
        self.parts = blocks.into_iter().map(Part::new).collect();
        self.remerge_at = None;
    }

    /// Asks what is to be asked, and waits for at most one answer that does not come.
    ///
    /// # Errors
    /// When there is no connection.
    pub(super) async fn poll(
        &mut self,
        link: &mut Link,
        clock: &Clock,
        random: &mut fastrand::Rng,
    ) -> Result<Polled, LinkError> {
        let start = clock.now().mono;
        let refused = self.parts.iter().any(|part| part.quarantined);
        if !refused && self.remerge_at.is_some_and(|at| start >= at) {
            self.merge();
        }
        // What is in order goes first: it shows whether the unit lives before a doubtful block is given time. Last comes what
        // was silent; a block that is refused is an answer too.
        let mut todo = std::mem::take(&mut self.parts);
        todo.make_contiguous().sort_by_key(|part| {
            let resting = part.resting(start);
            (
                resting.is_some(),
                resting == Some(Bad::NoAnswer),
                part.failed_at,
            )
        });
        let result = self.ask(&mut todo, link, clock, random).await;
        self.splits = SPLITS;
        self.parts.append(&mut todo);
        result
    }

    /// Works through `todo` into `self.parts`; leaves in it what was not asked.
    async fn ask(
        &mut self,
        todo: &mut VecDeque<Part>,
        link: &mut Link,
        clock: &Clock,
        random: &mut fastrand::Rng,
    ) -> Result<Polled, LinkError> {
        let mut readings = vec![None; self.tags.len()];
        let mut heard = false;
        while let Some(mut part) = todo.pop_front() {
            if let Some(bad) = part.resting(clock.now().mono)
                && heard
            {
                fill(&mut readings, &part.block, bad);
                self.parts.push_back(part);
                continue;
            }
            let result = link.read(self.id, part.block.span).await;
            let now = clock.now().mono;
            let error = match result {
                Ok(answer) => {
                    heard = true;
                    if part.recover() {
                        // What was wrong is right: with the next poll it is read together with its neighbours.
                        self.remerge_at = Some(now);
                    }
                    self.decode(&part.block, &answer, &mut readings);
                    self.parts.push_back(part);
                    continue;
                }
                Err(error) => error,
            };
            let bad = match &error {
                _ if error.is_outage() => {
                    self.parts.push_back(part);
                    return Err(error);
                }
                // The gateway's words for a silent unit behind it.
                LinkError::Exception {
                    code: GATEWAY_NO_ANSWER,
                    ..
                }
                | LinkError::NoAnswer { .. }
                | LinkError::Broken { .. } => Bad::NoAnswer,
                LinkError::Exception { code, .. } => Bad::Exception(*code),
                _ => Bad::Malformed,
            };
            let refused = matches!(bad, Bad::Exception(code) if code != GATEWAY_NO_PATH);
            if !refused {
                // One thing that does not come, or not as it should, costs the neighbours enough for now.
                if !heard {
                    part.failed_at = Some(now);
                    self.parts.push_back(part);
                    return Ok(Polled::Silent(bad, error));
                }
                part.rest(bad, DISTURBED, now, random.f64());
                fill(&mut readings, &part.block, bad);
                self.parts.push_back(part);
                break;
            }
            heard = true;
            let illegal = matches!(bad, Bad::Exception(code) if ILLEGAL.contains(&code));
            if illegal
                && bad != Bad::Exception(ILLEGAL_FUNCTION)
                && self.splits > 0
                && let Some((left, right)) = part.block.split(&self.spans)
            {
                self.splits -= 1;
                if self.remerge_at.is_none() {
                    self.remerge_at = Some(now + self.remerge.failed(random.f64()));
                }
                todo.push_front(Part::new(right));
                todo.push_front(Part::new(left));
                continue;
            }
            fill(&mut readings, &part.block, bad);
            // What is busy or failed inside may be well at the next poll; what is illegal is asked rarely. A block that could not be
            // split yet goes on being split.
            let alone = part.block.reads.len() == 1 || bad == Bad::Exception(ILLEGAL_FUNCTION);
            if illegal && alone {
                part.quarantine(bad, now, random.f64());
            }
            self.parts.push_back(part);
        }
        for part in &*todo {
            if let Some(bad) = part.resting(clock.now().mono) {
                fill(&mut readings, &part.block, bad);
            }
        }
        Ok(Polled::Heard(readings))
    }

    fn decode(&self, block: &Block, answer: &Answer, readings: &mut [Option<Reading>]) {
        for &read in &block.reads {
            let tag = &self.tags[read];
            let at = usize::from(tag.span.start - block.span.start);
            readings[read] = Some(tag.decoder.decode(answer, at));
        }
    }
}

fn fill(readings: &mut [Option<Reading>], block: &Block, bad: Bad) {
    for &read in &block.reads {
        readings[read] = Some(Reading::Bad(bad));
    }
}
