//! A way to a device without a socket, for tests that stop the clock: time can only be stopped where nothing outside is waited for.

use std::{fmt, io, sync::Arc};

use super::{super::address::Address, wire::Stream};

type Connect = dyn Fn(&Address) -> io::Result<Box<dyn Stream>> + Send + Sync;

/// Makes connections.
#[derive(Clone)]
pub(in crate::source::modbus) struct Memory(Arc<Connect>);

impl Memory {
    /// Leads to the same device, whatever the address.
    pub(in crate::source::modbus) fn new(
        connect: impl Fn() -> io::Result<Box<dyn Stream>> + Send + Sync + 'static,
    ) -> Self {
        Self::leading(move |_| connect())
    }

    pub(in crate::source::modbus) fn leading(
        connect: impl Fn(&Address) -> io::Result<Box<dyn Stream>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(connect))
    }

    pub(in crate::source::modbus) fn connect(&self, to: &Address) -> io::Result<Box<dyn Stream>> {
        (self.0)(to)
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
