//! What a panic says: where it was, and none of the words that may hold a secret.
//!
//! The words of a panic can repeat what was worked on: a text that was cut between its characters, an error with what it could not read.
//! A text that stands in our sources, or in those of a library, holds no secret and is said. What becomes of a task that panics is
//! decided by whoever started it.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, Write as _},
    panic::{self, Location},
    thread,
};

/// From now on panics of this process say no more than that.
pub(super) fn mute() {
    panic::set_hook(Box::new(|info| {
        let thread = thread::current();
        let said = said(info.location(), info.payload(), thread.name());
        // Not the log, which may be what panicked; and where this cannot be written, it is no second panic.
        let _ = writeln!(io::stderr(), "{said}");
        // It holds the names of functions, and is taken only if `RUST_BACKTRACE` asks for it.
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            let _ = writeln!(io::stderr(), "{backtrace}");
        }
    }));
}

fn said(at: Option<&Location<'_>>, payload: &dyn Any, thread: Option<&str>) -> String {
    let at = at.map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let thread = thread.unwrap_or("without a name");
    // Words that were put together at run time are a `String`.
    let words = payload.downcast_ref::<&'static str>();
    let words = words.map_or(
        "what it said is left out, as it may hold a secret",
        |text| text,
    );
    format!("andon: a defect: panic at {at} in the thread {thread}: {words}")
}

#[cfg(test)]
mod tests {
    use std::{hint::black_box, panic::UnwindSafe};

    use super::*;

    fn payload_of(panics: impl FnOnce() + UnwindSafe) -> Box<dyn Any + Send> {
        panic::catch_unwind(panics).expect_err("it panics")
    }

    #[test]
    fn a_panic_says_where_and_repeats_nothing_that_was_worked_on() {
        let secret = black_box("canary-é-key".to_owned());
        let payloads = [
            payload_of({
                let secret = secret.clone();
                // Within the é.
                move || drop(black_box(secret[..8].to_owned()))
            }),
            payload_of({
                let secret = secret.clone();
                let refused: Result<(), String> = black_box(Err(secret));
                move || refused.expect("a key")
            }),
            payload_of(move || panic!("{secret} is refused")),
        ];
        for payload in payloads {
            let words = payload.downcast_ref::<String>().expect("words");
            assert!(words.contains("canary"), "nothing to hide: {words}");
            let said = said(Some(Location::caller()), &*payload, Some("sender"));
            assert!(!said.contains("canary"), "{said}");
            assert!(said.contains(file!()) && said.contains("sender"), "{said}");
        }
    }

    #[test]
    fn what_stands_in_the_sources_is_said() {
        let payload = payload_of(|| panic!("a queue without an end"));
        let said = said(None, &*payload, None);
        assert!(said.ends_with("a queue without an end"), "{said}");
    }
}
