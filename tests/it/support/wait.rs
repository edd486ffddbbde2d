//! Waiting for what another process does. The one place here that sleeps and reads a clock.

use std::time::{Duration, Instant};

/// How long a healthy machine may take for anything that is not a delay of the agent's own.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The time, for how long something took.
#[expect(clippy::disallowed_methods, reason = "tests measure real processes")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a look at another process every 20 ms"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Looks until there is something, and gives it.
///
/// # Panics
/// When `limit` is over, naming `what`.
pub(crate) fn within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < limit, "waited {limit:?} in vain: {what}");
        pause(LOOK_EVERY);
    }
}

/// Looks until there is something, for as long as a healthy machine may take.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look)
}

/// Looks for a time, in which nothing may be found.
///
/// # Panics
/// As soon as `look` finds something, which it says.
pub(crate) fn never(time: Duration, what: &str, mut look: impl FnMut() -> Option<String>) {
    let begin = now();
    while begin.elapsed() < time {
        if let Some(found) = look() {
            panic!("{what}, but after {:?}: {found}", begin.elapsed());
        }
        pause(LOOK_EVERY);
    }
}
