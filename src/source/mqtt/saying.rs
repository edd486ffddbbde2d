//! What a source says about messages: the words of the log, and what is counted.

use tracing::{info, warn};

use super::{
    Source,
    machines::Dispute,
    session::{Remark, Taken},
    topic,
};
use crate::{link::mqtt::Message, source::tally::Count};

impl Source {
    /// Logs what people should know of a message.
    pub(super) fn remark(&self, topic: &str, remark: Remark) {
        let topic = topic::shown(topic);
        let source = self.config.name.as_ref();
        match remark {
            Remark::UnknownMachine(machine) => {
                warn!(
                    source,
                    machine, topic, "a machine is heard that is not configured for this topic"
                );
            }
            Remark::NoMachine(machine, why) => {
                warn!(
                    source,
                    machine, topic, why, "a machine cannot be discovered"
                );
            }
            Remark::Disputed(Dispute { capture, machine }) => warn!(
                source,
                %machine,
                topic,
                capture = &*capture,
                "topics of one machine say different things, so the first stays its label; write + for what is no label"
            ),
            Remark::Fault { why, count } => {
                warn!(source, topic, why, count, "a payload is not understood");
            }
            Remark::FaultEnded { count } => {
                info!(source, topic, count, "payloads are understood again");
            }
        }
    }

    /// Counts what is wrong with a message.
    pub(super) fn count(&self, message: &Message, taken: &Taken) {
        let (now, topic) = (message.at.mono, &message.topic);
        if let Some(why) = &taken.fault {
            let said = || format!("{}: {why}", topic::shown(topic));
            self.tally.trouble(Count::Malformed, now, said);
        }
        if taken.unknown {
            self.tally
                .trouble(Count::UnknownMachine, now, || topic::shown(topic));
        }
    }
}
