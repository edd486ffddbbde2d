//! What is under way over the connections of a link: one question over each at most.
//!
//! A turn takes its link and its unit with it and brings them back, so nothing is shared between connections. All of them are
//! carried out by the task of the link.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use crate::clock::Clock;

use super::super::{
    link::{Link, LinkError},
    unit::{Polled, Unit},
};

/// What came of a turn.
pub(super) struct Done {
    pub(super) link: Link,
    pub(super) what: What,
}

/// What was to be done, and its result.
pub(super) enum What {
    /// A connection.
    Connected(Result<(), LinkError>),
    /// A poll of a unit; the number is that of the poll.
    Polled(usize, Unit, Result<Polled, LinkError>),
}

type Turn = Pin<Box<dyn Future<Output = Done> + Send>>;

/// A place for each connection.
pub(super) struct Turns(Vec<Option<Turn>>);

impl Turns {
    pub(super) fn new(connections: usize) -> Self {
        Self((0..connections).map(|_| None).collect())
    }

    /// Whether a connection is free.
    pub(super) fn is_free(&self, connection: usize) -> bool {
        self.0[connection].is_none()
    }

    /// Makes a connection.
    pub(super) fn connect(&mut self, connection: usize, mut link: Link) {
        self.0[connection] = Some(Box::pin(async move {
            let connected = link.connect().await;
            let what = What::Connected(connected);
            Done { link, what }
        }));
    }

    /// Polls a unit.
    pub(super) fn poll(
        &mut self,
        connection: usize,
        mut link: Link,
        (poll, mut unit): (usize, Unit),
        clock: Clock,
        mut random: fastrand::Rng,
    ) {
        self.0[connection] = Some(Box::pin(async move {
            let polled = unit.poll(&mut link, &clock, &mut random).await;
            link.rest();
            let what = What::Polled(poll, unit, polled);
            Done { link, what }
        }));
    }

    /// Waits until one of them is done; for ever if nothing is under way. It may be cancelled and begun again.
    pub(super) async fn done(&mut self) -> (usize, Done) {
        poll_fn(|context| self.look(context)).await
    }

    fn look(&mut self, context: &mut Context<'_>) -> Poll<(usize, Done)> {
        for (connection, place) in self.0.iter_mut().enumerate() {
            if let Some(turn) = place
                && let Poll::Ready(done) = turn.as_mut().poll(context)
            {
                *place = None;
                return Poll::Ready((connection, done));
            }
        }
        Poll::Pending
    }
}
