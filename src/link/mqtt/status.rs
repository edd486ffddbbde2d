//! Whether this client is there, as everybody else at the broker can see it.

use std::sync::atomic::Ordering;

use super::{Live, MqttLink, PublishError, Qos};
use crate::clock::Wall;

/// A retained topic that says whether this client is there: published at each connect and at the end, left as the last will.
/// [`Status::TIME`] in its payloads stands for the time at which the connection was begun, and at an orderly end for that of the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The topic.
    pub topic: String,
    /// Its payload while connected.
    pub online: String,
    /// Its payload otherwise.
    pub offline: String,
}

impl Status {
    /// Milliseconds since the epoch.
    pub const TIME: &str = "{timestamp}";

    /// What is said as of this time.
    pub(super) fn at(&self, now: Wall) -> Self {
        let dated = |text: &str| text.replace(Self::TIME, &now.as_millis().to_string());
        Self {
            topic: self.topic.clone(),
            online: dated(&self.online),
            offline: dated(&self.offline),
        }
    }
}

impl MqttLink {
    /// Publishes [`super::Options::status`] again: somebody else has said that this client is not there.
    pub fn tell_status(&self) {
        if let Some(live) = self.shared.lock().as_mut()
            && let Some(status) = live.status.clone()
            && live.tell(&status, &status.online).is_ok()
        {
            self.shared.wake.notify_one();
        }
    }

    /// Somebody has heard a status of this client with this time. Was this connection begun earlier, by a clock that is wrong, then who
    /// compares the times does not believe it, and it is made anew with a later one.
    pub fn status_is_known(&self, at: Wall) {
        if let Some(live) = self.shared.lock().as_mut()
            && live.begun < at
        {
            self.shared
                .known
                .fetch_max(at.as_millis(), Ordering::Relaxed);
            live.broken = Some(
                "keeps a status of ours from a later time than our clock shows; see whether that is right",
            );
        }
    }
}

impl Live {
    /// Publishes our own status, as well as this broker can.
    pub(super) fn tell(&mut self, status: &Status, payload: &str) -> Result<(), PublishError> {
        let qos = Qos::AtLeastOnce.min(self.max_qos);
        self.publish(&status.topic, payload.as_bytes(), qos, self.retains, None)
    }
}
