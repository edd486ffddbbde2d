//! The session of a source, between the messages of its broker and its configuration.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use super::{
    super::topic::shown,
    config::{Settings, Watch, state_topic},
    fault::Fault,
    letter::{Came, Letter, Outcome},
    namespace::NAMESPACE,
    plan::Plan,
    remark::{Counts, Last, Remark, What},
    report::wall,
    session::{Request, Session},
};
use crate::{
    clock::{Mono, Now, Wall},
    link::mqtt::{Message, Token},
    sample::{Bad, Reading, Sample, TagId},
    source::{TagIds, trouble::Say},
};

/// How often it looks at what ends by itself.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many machines that are not configured are named.
const STRANGERS: usize = 100;

/// All nodes that a source hears of, over one connection after the other.
#[derive(Debug)]
pub(in crate::source::mqtt) struct Host {
    plan: Plan,
    settings: Settings,
    session: Session<Option<Token>>,
    /// Where the agent says that it is there, if nodes are to wait for it.
    state: Option<String>,
    tags: Vec<TagId>,
    /// Machines that were heard and are not configured.
    strangers: BTreeSet<String>,
    next_look: Mono,
    told: Counts,
}

impl Host {
    /// None if nothing of Sparkplug is subscribed to.
    pub(in crate::source::mqtt) fn new(
        watches: &[Watch],
        settings: &Settings,
        ids: &TagIds,
    ) -> Option<Self> {
        if watches.is_empty() {
            return None;
        }
        let (mut plan, mut all) = (Plan::default(), Vec::new());
        for watch in watches {
            let of = |machine: &Arc<str>| {
                let id = |tag: &Arc<str>| ids.get(&(Arc::clone(machine), Arc::clone(tag)));
                let tags = watch.tags.iter();
                let tags = tags.filter_map(|tag| Some((*id(&tag.tag)?, Arc::clone(tag))));
                (Arc::clone(machine), tags.collect::<Vec<_>>())
            };
            let machines: Vec<_> = watch.machines.iter().map(of).collect();
            let tags = machines.iter().flat_map(|(_, tags)| tags);
            all.extend(tags.map(|(id, _)| *id));
            let template = watch.template.clone();
            plan.listen(template, watch.naming.clone(), watch.stale_after, machines);
        }
        Some(Self {
            session: Session::new(plan.clone(), settings.clone()),
            state: settings.host_id.as_deref().map(state_topic),
            plan,
            settings: settings.clone(),
            tags: all,
            strangers: BTreeSet::new(),
            next_look: Mono::default(),
            told: Counts::default(),
        })
    }

    /// Whether a message of this topic is for it, and for nobody else.
    pub(in crate::source::mqtt) fn takes(&self, topic: &str) -> bool {
        topic.starts_with(NAMESPACE) && (self.plan.follows(topic) || self.is_own_state(topic))
    }

    /// What is said of this agent as a host: whether it is there, and since when. The broker says that it is not, late, of an earlier
    /// connection of ours, and what it had kept.
    pub(in crate::source::mqtt) fn own_state(&self, message: &Message) -> Option<(bool, Wall)> {
        if !self.is_own_state(&message.topic) {
            return None;
        }
        let payload = message.payload.as_ref().ok()?;
        let said: serde_json::Value = serde_json::from_slice(payload).ok()?;
        let since = said.get("timestamp").and_then(serde_json::Value::as_u64);
        let since = since.and_then(wall).unwrap_or(Wall::from_millis(0));
        Some((said.get("online")?.as_bool()?, since))
    }

    fn is_own_state(&self, topic: &str) -> bool {
        self.state.as_deref() == Some(topic)
    }

    /// Takes a message.
    pub(in crate::source::mqtt) fn take(&mut self, message: Message) -> Came<Option<Token>> {
        let (at, token, of) = (message.at, message.token, shown(&message.topic));
        let letter = Letter {
            at,
            topic: message.topic,
            payload: message.payload.ok(),
            kept: message.retain,
            again: message.dup,
            token,
        };
        let take = || self.session.take(letter);
        catch_unwind(AssertUnwindSafe(take)).unwrap_or_else(|_| self.begin_anew(at, of, token))
    }

    /// A defect: a message that did it again after a restart would hold up all others, so it is dealt with, and with it what waits
    /// before it, as the broker wants to hear of messages in their order. What the session knows may be wrong now, so it begins anew.
    fn begin_anew(&mut self, at: Now, of: String, token: Option<Token>) -> Came<Option<Token>> {
        let held = self.session.abandon().into_iter();
        let held = held.map(|letter| (Vec::new(), letter.token));
        let all = held.chain([(self.all_bad(Bad::Malformed), token)]);
        let outcomes = all.map(|(samples, token)| Outcome {
            at,
            samples,
            token: Some(token),
        });
        let outcomes = outcomes.collect();
        let counts = Counts {
            faults: self.session.counts.faults + 1,
            ..self.session.counts
        };
        self.session = Session::new(self.plan.clone(), self.settings.clone());
        self.session.counts = counts;
        self.session.last.fault = format!("{of}: {}", Fault::Defect);
        self.session.connected(at);
        Came {
            outcomes,
            remarks: vec![Remark {
                of,
                what: What::Fault(Fault::Defect),
                say: Say::Started,
            }],
            strangers: Vec::new(),
        }
    }

    /// Whether a machine that is not configured was never named before.
    pub(in crate::source::mqtt) fn is_news(&mut self, name: &str) -> bool {
        self.strangers.len() < STRANGERS && self.strangers.insert(name.to_owned())
    }

    /// Looks at what ends by itself, if it is time to.
    pub(in crate::source::mqtt) fn look(&mut self, now: Now) -> Option<Came<Option<Token>>> {
        (self.next_look <= now.mono).then(|| {
            self.next_look = now.mono + LOOK_EVERY;
            self.session.tick(now)
        })
    }

    /// Nodes to be asked.
    pub(in crate::source::mqtt) fn requests(&mut self, now: Now) -> (Vec<Request>, Vec<Remark>) {
        self.session.requests(now)
    }

    /// There is a connection. No tag has a value before its node or device is born.
    pub(in crate::source::mqtt) fn connected(&mut self, now: Now) -> Vec<Sample> {
        self.session.connected(now);
        self.all_bad(Bad::NeverHeard)
    }

    /// The connection is gone.
    pub(in crate::source::mqtt) fn disconnected(&mut self) -> Vec<Sample> {
        self.session.disconnected();
        self.all_bad(Bad::Unreachable)
    }

    /// What has happened since this was asked last, and what it was.
    pub(in crate::source::mqtt) fn news(&mut self) -> (Counts, &Last) {
        let (now, before) = (self.session.counts, self.told);
        self.told = now;
        (now.since(before), &self.session.last)
    }

    fn all_bad(&self, why: Bad) -> Vec<Sample> {
        let bad = |tag: &TagId| Sample::new(*tag, Reading::Bad(why));
        self.tags.iter().map(bad).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{link::mqtt::testbed::clock, source::mqtt::tests::good};

    const NODES: &str = r#"
url = "mqtt://broker"
[[subscribe]]
topic = "spBv1.0/hall/+/{node}/{machine}"
payload = "sparkplug_b"
class = "mill"
tags = [{ tag = "load", metric = "Load" }]
"#;

    /// A birth of a device, as its number is `seq`.
    fn birth(seq: u8, token: u64) -> Message {
        Message {
            at: clock().now(),
            topic: "spBv1.0/hall/DBIRTH/gw-7/mill-1".to_owned(),
            payload: Ok(vec![0x18, seq]),
            retain: false,
            dup: false,
            token: Some(Token::for_tests(token)),
        }
    }

    #[test]
    fn a_defect_is_told_and_counted_and_nothing_that_is_held_is_left_unacknowledged() {
        let (config, ids) = good(NODES);
        let mut host = Host::new(&config.watches, &config.sparkplug, &ids).expect("nodes");
        for (seq, token) in [(5, 1), (6, 2)] {
            let came = host.take(birth(seq, token));
            assert!(came.outcomes.iter().all(|of| of.token.is_none()), "held");
        }
        let (at, third) = (clock().now(), Token::for_tests(3));
        let came = host.begin_anew(at, "topic".to_owned(), Some(third));
        let tokens = came.outcomes.iter().filter_map(|of| of.token.flatten());
        assert_eq!(tokens.collect::<Vec<_>>(), [1, 2, 3].map(Token::for_tests));
        assert_eq!(came.outcomes[2].samples.len(), 2, "a tag of two mills");
        assert!(came.remarks[0].what.to_string().contains("defect of andon"));
        let (counts, last) = host.news();
        assert_eq!(
            (counts.faults, &*last.fault),
            (1, "topic: reading it fails, which is a defect of andon")
        );
        assert_eq!(host.news().0.faults, 0);
    }
}
