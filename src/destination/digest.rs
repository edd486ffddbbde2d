//! Several events in one message: what a destination that wants it so is told after an outage. Which events, and when, is decided by the
//! schedule.

use sha2::{Digest as _, Sha256};
use ulid::Ulid;

use super::{Destination, Errand, RenderError, Told};
use crate::alert::plant::Severity;

/// The most bytes of a body with several events in it.
const MOST_BYTES: usize = 256 * 1024;

/// Events that are told together: first the watch whose turn it is, then the worst, and those of one watch in their order.
#[derive(Clone, Debug)]
pub struct Digest<'d> {
    /// What a receiver recognises a repeat by: the same for the same events, whichever watch comes first. Each event in it keeps its
    /// own.
    pub id: String,
    /// The first of them.
    pub first: Told<'d>,
    /// All of them.
    pub told: &'d [Told<'d>],
}

impl<'d> Digest<'d> {
    /// One of these; none if there are none.
    pub fn new(told: &'d [Told<'d>]) -> Option<Self> {
        let first = *told.first()?;
        let mut ids: Vec<&str> = told.iter().map(|one| &*one.notice.id).collect();
        ids.sort_unstable();
        let mut hash = Sha256::new();
        hash.update("digest");
        for id in &ids {
            hash.update(id);
        }
        let mut tail = [0; 16];
        tail[6..].copy_from_slice(&hash.finalize()[..10]);
        // Ids begin with their time.
        let time = ids[0].parse::<Ulid>();
        let time = time.map_or(0, |id| id.timestamp_ms());
        Some(Self {
            id: Ulid::from_parts(time, u128::from_be_bytes(tail)).to_string(),
            first,
            told,
        })
    }

    /// Seconds between the oldest event and this attempt.
    pub fn late_seconds(&self) -> u64 {
        let late = self.told.iter().map(|one| one.attempt.late_seconds);
        late.max().unwrap_or(0)
    }

    /// How bad the worst of it is or was.
    pub fn worst(&self) -> Severity {
        let severity = |one: &Told<'_>| Severity::from_word(&one.notice.alert.severity);
        let worst = self.told.iter().filter_map(severity).max();
        worst.unwrap_or(Severity::Critical)
    }

    /// The time of this attempt, in milliseconds since the Unix epoch.
    pub fn at(&self) -> i64 {
        self.first.attempt.now_seconds.saturating_mul(1000)
    }
}

impl Destination {
    /// What tells the first of these together, as many as one body has room for.
    ///
    /// # Errors
    /// [`RenderError`] when these can never be told together here.
    pub fn render_digest<'d>(
        &self,
        told: &'d [Told<'d>],
    ) -> Result<(Digest<'d>, Errand), RenderError> {
        let mut count = told.len();
        loop {
            let digest = Digest::new(&told[..count]).ok_or(RenderError::NoDigest)?;
            let errand = self.kind.render_digest(&digest)?;
            let bytes = errand.bytes();
            if count == 1 || bytes <= MOST_BYTES {
                return Ok((digest, errand));
            }
            let fit = count * MOST_BYTES / bytes;
            count = fit.clamp(1, count - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alert::event::EventKind,
        destination::{
            Reader,
            notice::{Attempt, Notice},
            testbed::{attempt, notice, read},
        },
    };

    fn several(count: u64, labels: usize) -> Vec<(Notice, Attempt)> {
        let one = |number: u64| {
            let (mut notice, mut attempt) = (notice(EventKind::Triggered), attempt());
            notice.id = Ulid::from_parts(1_775_291_405_120 + number, 7).to_string();
            notice.alert.labels = [("hall".to_owned(), "x".repeat(labels))].into();
            attempt.sequence = number;
            (notice, attempt)
        };
        (1..=count).map(one).collect()
    }

    fn told<'d>(several: &'d [(Notice, Attempt)], reader: &'d Reader) -> Vec<Told<'d>> {
        let told = |(notice, attempt): &'d (Notice, Attempt)| Told {
            notice,
            attempt,
            thread: None,
            reader,
        };
        several.iter().map(told).collect()
    }

    #[test]
    fn the_same_events_are_the_same_digest_and_others_are_another() {
        let (several, reader) = (several(3, 0), Reader::default());
        let told = told(&several, &reader);
        let id = |told| Digest::new(told).expect("a digest").id;
        assert_eq!(id(&told), id(&told));
        let turned: Vec<Told<'_>> = told.iter().rev().copied().collect();
        assert_eq!(id(&told), id(&turned));
        assert_ne!(id(&told), id(&told[..2]));
        assert_ne!(id(&told[..1]), several[0].0.id);
        assert_eq!(id(&told)[..10], several[0].0.id[..10]);
        assert!(Digest::new(&[]).is_none());
    }

    #[test]
    fn a_body_holds_no_more_events_than_it_has_room_for_and_always_one() {
        let ops = read("type = \"webhook\"\nurl = \"https://ops.example.com/\"").expect("one");
        let reader = Reader::default();
        for (events, labels, count) in [
            (100, 0, 100..=100),
            (40, 8000, 20..=32),
            (3, 300_000, 1..=1),
        ] {
            let several = several(events, labels);
            let told = told(&several, &reader);
            let (digest, errand) = ops.render_digest(&told).expect("a digest");
            assert!(count.contains(&digest.told.len()), "{}", digest.told.len());
            assert!(digest.told.len() == 1 || errand.bytes() <= MOST_BYTES);
        }
    }
}
