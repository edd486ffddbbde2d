//! What the API and the verbs ask of the running agent, and what they get for it.
//!
//! An order is answered only after everything that it caused is on disk. Orders about alerts and views go to the loop, orders about
//! deliveries to the delivery task; whoever asks sees one [`Agent`] handle.

use std::sync::Arc;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::keep::Keep;
use super::view::{Attempted, Obeyed, Reloaded, View};
use crate::{
    alert::command::{Command, Refusal},
    clock::Now,
    recording::reel::Reel,
};

/// A handle on the running agent.
#[derive(Clone, Debug)]
pub struct Agent {
    orders: mpsc::Sender<Order>,
}

/// One question or instruction, with the way back for its answer.
#[derive(Debug)]
pub enum Order {
    /// A person's command about alerts.
    Command {
        /// What to do and who says so.
        command: Command,
        /// When it arrived.
        at: Now,
        /// What came of it.
        reply: oneshot::Sender<Result<Obeyed, Refusal>>,
    },
    /// The current state.
    Look(oneshot::Sender<Arc<View>>),
    /// Read the configuration again.
    Reload(oneshot::Sender<Result<Reloaded, Vec<String>>>),
    /// Send a test to a destination, once.
    TestDestination {
        /// Its name.
        name: String,
        /// What came of it; `None` where there is no such destination.
        reply: oneshot::Sender<Option<Attempted>>,
    },
    /// Try a delivery again now.
    RetryDelivery {
        /// Its id.
        id: i64,
        /// Whether there was one that waits.
        reply: oneshot::Sender<bool>,
    },
    /// Record every input from now on; a refusal is a sentence for the caller.
    Record {
        /// Who asked.
        by: String,
        /// What is heard.
        reply: oneshot::Sender<Result<Reel, String>>,
    },
    /// Copies of the database.
    Keep(Keep),
    /// Give a delivery up.
    DropDelivery {
        /// Its id.
        id: i64,
        /// Why, for the record.
        why: String,
        /// Whether there was one that waits.
        reply: oneshot::Sender<bool>,
    },
}

/// The agent is stopping or too busy to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the agent does not answer; it is stopping or overloaded, try again")]
pub struct NoAnswer;

impl Agent {
    /// A handle, and the end that the agent drains; at most `limit` orders wait.
    pub fn new(limit: usize) -> (Self, mpsc::Receiver<Order>) {
        let (orders, drain) = mpsc::channel(limit);
        (Self { orders }, drain)
    }

    /// Sends an order made around a reply channel and waits for the answer.
    ///
    /// # Errors
    /// When the agent is stopping or too many orders wait.
    pub async fn ask<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Result<T, NoAnswer> {
        let (reply, answer) = oneshot::channel();
        self.orders.try_send(order(reply)).map_err(|_| NoAnswer)?;
        answer.await.map_err(|_| NoAnswer)
    }
}
