//! A way to a device without a socket, for tests that stop the clock: time can only be stopped where nothing outside is waited for.

use std::{fmt, io, sync::Arc};

use super::wire::Stream;

type Connect = dyn Fn() -> io::Result<Box<dyn Stream>> + Send + Sync;

/// Makes connections.
#[derive(Clone)]
pub(in crate::source::modbus) struct Memory(Arc<Connect>);

impl Memory {
    pub(in crate::source::modbus) fn new(
        connect: impl Fn() -> io::Result<Box<dyn Stream>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(connect))
    }

    pub(in crate::source::modbus) fn connect(&self) -> io::Result<Box<dyn Stream>> {
        (self.0)()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

impl PartialEq for Memory {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Memory {}
