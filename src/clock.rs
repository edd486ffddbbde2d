//! Time as the agent uses it: a monotonic time for durations, a wall time for people, and whether the wall
//! time can be trusted.
//!
//! This is the only reader of system clocks. Everything else receives a [`Now`] as an argument, which is what makes
//! the cores deterministic and lets a test play an hour in a millisecond. Sleeping is not done here: tokio's timers
//! stop during suspend, so the loops wake at least every second and compare with [`Mono`].

use std::{
    fmt,
    ops::{Add, Sub},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// One instant, read on both clocks at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For durations and order.
    pub mono: Mono,
    /// For people and for the wire.
    pub wall: Wall,
    /// Whether the wall clock was known to be synchronised at this instant.
    pub synchronised: bool,
}

/// Nanoseconds on `CLOCK_BOOTTIME`: monotonic, counts suspend, comparable within one boot only.
///
/// It is signed because a deadline or an age taken over from an earlier boot may lie before this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(i64);

impl Mono {
    /// From nanoseconds since boot.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since boot.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// How much later `self` is than `earlier`; zero if it is not later.
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Mono {
    type Output = Mono;
    fn add(self, rhs: Duration) -> Mono {
        Mono(
            self.0
                .saturating_add(i64::try_from(rhs.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<Duration> for Mono {
    type Output = Mono;
    fn sub(self, rhs: Duration) -> Mono {
        Mono(
            self.0
                .saturating_sub(i64::try_from(rhs.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(i64);

impl Wall {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, as signatures carry them.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How much later `self` is than `earlier`; zero if it is not later.
    pub fn since(self, earlier: Wall) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Wall {
    type Output = Wall;
    fn add(self, rhs: Duration) -> Wall {
        Wall(
            self.0
                .saturating_add(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<Duration> for Wall {
    type Output = Wall;
    fn sub(self, rhs: Duration) -> Wall {
        Wall(
            self.0
                .saturating_sub(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-04-04T10:30:05.120Z`.
impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(stamp) => write!(f, "{stamp:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// Identifies one boot of the machine: [`Mono`] values compare only under equal boot ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootId(pub String);

/// How the agent learns whether the wall clock can be trusted (`clock.synchronised`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Synchronised {
    /// While this file exists (systemd-timesyncd makes `/run/systemd/timesync/synchronized`).
    WhileExists(PathBuf),
    /// Always: the gateway has a clock battery and a person vouches for it.
    Assume,
    /// Never.
    Never,
}

/// The clock that the agent was given: the system's, or a test's.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System {
        how: Arc<Synchronised>,
        synchronised: Arc<AtomicBool>,
    },
    Test(Arc<Mutex<Now>>),
    #[cfg(test)]
    Tokio(tokio::time::Instant),
}

impl Clock {
    /// The system's clocks.
    pub fn system(how: Synchronised) -> Self {
        let clock = Self(Source::System {
            how: Arc::new(how),
            synchronised: Arc::default(),
        });
        clock.refresh();
        clock
    }

    /// A clock that stands still until [`Clock::set`] moves it.
    pub fn test(now: Now) -> Self {
        Self(Source::Test(Arc::new(Mutex::new(now))))
    }

    /// A clock that stands and moves with tokio's, from zero on, for tests in which that one is stopped.
    #[cfg(test)]
    #[expect(
        clippy::disallowed_methods,
        reason = "a clock is where clocks are read"
    )]
    pub fn of_tokio() -> Self {
        Self(Source::Tokio(tokio::time::Instant::now()))
    }

    /// Moves a test clock; does nothing to the system's.
    pub fn set(&self, now: Now) {
        if let Source::Test(shared) = &self.0 {
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
    }

    /// Looks again whether the wall clock is synchronised. It costs a look into the file system, so the loop calls it once a
    /// second and [`Clock::now`] does not.
    pub fn refresh(&self) {
        if let Source::System { how, synchronised } = &self.0 {
            let is = match how.as_ref() {
                Synchronised::WhileExists(path) => path.exists(),
                Synchronised::Assume => true,
                Synchronised::Never => false,
            };
            synchronised.store(is, Ordering::Relaxed);
        }
    }

    /// This instant.
    pub fn now(&self) -> Now {
        match &self.0 {
            Source::System { synchronised, .. } => Now {
                mono: boottime(),
                wall: walltime(),
                synchronised: synchronised.load(Ordering::Relaxed),
            },
            Source::Test(shared) => *shared.lock().unwrap_or_else(PoisonError::into_inner),
            #[cfg(test)]
            Source::Tokio(start) => Now {
                mono: Mono::from_nanos(0) + start.elapsed(),
                wall: Wall::from_millis(0) + start.elapsed(),
                synchronised: true,
            },
        }
    }
}

/// The id of the running boot; a fresh random one where the kernel does not tell, so that nothing is taken for comparable.
pub fn boot_id() -> BootId {
    match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(text) => BootId(text.trim().to_owned()),
        Err(_) => BootId(format!("unknown-{:016x}", fastrand::u64(..))),
    }
}

fn boottime() -> Mono {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Mono(
        time.tv_sec
            .saturating_mul(1_000_000_000)
            .saturating_add(time.tv_nsec),
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the wall clock"
)]
fn walltime() -> Wall {
    let now = std::time::SystemTime::now();
    match now.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => Wall(i64::try_from(after.as_millis()).unwrap_or(i64::MAX)),
        Err(before) => Wall(-i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_never_go_below_zero() {
        let (early, late) = (Mono::from_nanos(5), Mono::from_nanos(9));
        assert_eq!(late.since(early), Duration::from_nanos(4));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(
            Wall::from_millis(5).since(Wall::from_millis(9)),
            Duration::ZERO
        );
    }

    #[test]
    fn a_deadline_may_lie_before_this_boot() {
        assert!(Mono::from_nanos(1) - Duration::from_secs(1) < Mono::from_nanos(0));
    }

    #[test]
    fn wall_times_are_written_as_rfc_3339_with_milliseconds() {
        assert_eq!(
            Wall::from_millis(1_775_298_605_120).to_string(),
            "2026-04-04T10:30:05.120Z"
        );
    }

    #[test]
    fn a_test_clock_stands_still_until_it_is_set() {
        let start = Now {
            mono: Mono::from_nanos(1),
            wall: Wall::from_millis(2),
            synchronised: true,
        };
        let clock = Clock::test(start);
        assert_eq!(clock.now(), start);
        let later = Now {
            mono: start.mono + Duration::from_secs(3),
            ..start
        };
        clock.clone().set(later);
        assert_eq!(clock.now(), later);
    }

    #[test]
    fn the_system_clock_moves_forward() {
        let clock = Clock::system(Synchronised::Never);
        let first = clock.now();
        assert!(clock.now().mono >= first.mono);
        assert!(!first.synchronised);
    }
}
