//! A thread of its own for work that takes much memory for a moment.
//!
//! The trees of a configuration of 10,000 machines take many times what is made of them. Where both come from the same part of the heap,
//! what stays lies between what goes, and the allocator can give nothing back to the system. Allocators give each thread a part of its
//! own; what a thread made here goes as a whole. It is a matter of memory only: without another thread the work is done all the same.

use std::thread;

/// Does work and waits for it.
pub(super) fn apart<T: Send>(work: impl Fn() -> T + Sync) -> T {
    let done = thread::scope(|scope| {
        let builder = thread::Builder::new().name("configuration".to_owned());
        let begun = builder.spawn_scoped(scope, &work).ok()?;
        Some(begun.join())
    });
    match done {
        Some(Ok(done)) => done,
        Some(Err(panic)) => std::panic::resume_unwind(panic),
        None => work(),
    }
}
