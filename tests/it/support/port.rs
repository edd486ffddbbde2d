//! A port of this machine that stays ours while nobody listens on it.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use rustix::{
    fd::OwnedFd,
    net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt},
};

/// A bound socket that does not listen: connections are refused, and nothing else is given this port. Whoever listens on it with
/// `SO_REUSEADDR`, as servers do, may come and go.
#[derive(Debug)]
pub(crate) struct Port {
    _held: OwnedFd,
    pub(crate) number: u16,
}

impl Port {
    pub(crate) fn reserve() -> Self {
        let held = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        sockopt::set_socket_reuseaddr(&held, true).expect("an option");
        bind(&held, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = SocketAddr::try_from(getsockname(&held).expect("its address"));
        Self {
            number: address.expect("an address of this family").port(),
            _held: held,
        }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}
