//! What carries the requests of a destination, as configured: the delivery makes the connection from it and keeps it.

use super::Access;

/// The way on which the requests of a destination go. A kind that does not speak HTTP adds a variant here, one of [`super::Request`], and
/// a contact in `delivery::attempt::contact`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Carrier<'k> {
    /// Over HTTP.
    Http(&'k Access),
}
