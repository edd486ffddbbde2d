//! A thread of its own for what takes much memory for a moment.
//!
//! The trees of a configuration of 10,000 machines take many times what is made of them. Where both come from the same part of the heap,
//! what stays lies between what goes, and the allocator can give nothing back to the system. It gives each thread a part of its own: what
//! one thread makes and lets go, while another makes what stays, goes as a whole. It is a matter of memory only; where no thread can be
//! had, the work is done all the same.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Barrier, Mutex, PoisonError},
    thread,
};

/// The GNU allocator joins small free pieces, and looks whether it can give any back, where a block of at least 64 KiB is freed that is of
/// the heap, as those below 128 KiB are (`FASTBIN_CONSOLIDATION_THRESHOLD` and `M_MMAP_THRESHOLD` of glibc). A thread that ends frees small
/// ones last, so it hands over such a block, to be freed after it.
const LAST: usize = 96 << 10;

/// Uses here what another thread makes, and lets go of when it was used.
///
/// The two wait for each other without a channel: that would have pieces which one of them takes from its memory and the other keeps.
pub(super) fn apart<T: Send, R>(make: impl Fn() -> T + Sync, used: impl Fn(&T) -> R) -> R {
    let desk = Mutex::new(None);
    let lock = || desk.lock().unwrap_or_else(PoisonError::into_inner);
    let (is_made, is_used) = (Barrier::new(2), Barrier::new(2));
    let maker = || {
        let made = catch_unwind(AssertUnwindSafe(&make));
        *lock() = Some(made);
        is_made.wait();
        is_used.wait();
        let made = lock().take();
        if let Some(Err(panic)) = made {
            resume_unwind(panic);
        }
        drop(made);
        Vec::<u8>::with_capacity(LAST)
    };
    let result = thread::scope(|scope| {
        let builder = thread::Builder::new().name("configuration".to_owned());
        let maker = builder.spawn_scoped(scope, maker).ok()?;
        is_made.wait();
        let result = match &*lock() {
            Some(Ok(made)) => Some(catch_unwind(AssertUnwindSafe(|| used(made)))),
            _ => None,
        };
        is_used.wait();
        let ended = maker.join().map(drop);
        ended.map_or_else(|panic| Some(Err(panic)), |()| result)
    });
    match result {
        Some(Ok(result)) => result,
        Some(Err(panic)) => resume_unwind(panic),
        None => used(&make()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    /// Says where it is let go.
    struct Made(std::sync::mpsc::SyncSender<Option<String>>);

    impl Drop for Made {
        fn drop(&mut self) {
            let here = thread::current().name().map(str::to_owned);
            let _ = self.0.send(here);
        }
    }

    #[test]
    fn what_is_used_here_is_made_and_let_go_elsewhere() {
        let (tell, told) = sync_channel(1);
        let here = thread::current().id();
        let same = apart(
            || (Made(tell.clone()), thread::current().id()),
            |(_, made)| (thread::current().id() == here, *made == here),
        );
        assert_eq!(same, (true, false));
        assert_eq!(told.try_recv(), Ok(Some("configuration".to_owned())));
    }

    #[test]
    fn a_panic_of_either_side_is_one_here() {
        let make = || -> u8 { panic!("made") };
        let panics = [
            std::panic::catch_unwind(|| apart(make, |_| ())),
            std::panic::catch_unwind(|| apart(|| 1, |_| panic!("used"))),
        ];
        let said = panics.map(|of| of.unwrap_err().downcast_ref::<&str>().copied());
        assert_eq!(said, [Some("made"), Some("used")]);
    }
}
