//! A thread of its own for what takes much memory for a moment.
//!
//! The trees of a configuration of 10,000 machines take many times what is made of them. Where both come from the same part of the heap,
//! what stays lies between what goes, and the allocator can give nothing back to the system. It gives each thread a part of its own: what
//! one thread makes and lets go, while another makes what stays, goes as a whole. It is a matter of memory only; where no thread can be
//! had, the work is done all the same.

use std::{
    sync::mpsc::{RecvError, sync_channel},
    thread,
};

/// Uses here what another thread makes, and lets go of when it was used.
pub(super) fn apart<T: Send, R>(make: impl Fn() -> T + Sync, used: impl FnOnce(&T) -> R) -> R {
    thread::scope(|scope| {
        let (give, take) = sync_channel(1);
        let (give_back, take_back) = sync_channel::<T>(1);
        let make = &make;
        let maker = move || {
            if give.send(make()).is_ok() {
                drop(take_back.recv());
            }
        };
        let builder = thread::Builder::new().name("configuration".to_owned());
        let maker = builder.spawn_scoped(scope, maker);
        match (take.recv(), maker) {
            (Ok(made), _) => {
                let used = used(&made);
                // The other thread waits for it, and the scope for that thread.
                let _ = give_back.send(made);
                used
            }
            (Err(RecvError), Ok(maker)) => match maker.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => used(&make()),
            },
            (Err(RecvError), Err(_)) => used(&make()),
        }
    })
}

#[cfg(test)]
mod tests {
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
