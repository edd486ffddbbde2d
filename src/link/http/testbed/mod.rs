//! What tests of outward connections need: an authority of the plant's own, and peers that others wrote.

mod authority;
mod peer;

pub(crate) use self::{authority::Authority, peer::Peer};
