//! What topics say of machines: their names, and labels from the other places of the templates. No IO.
//!
//! A label is what holds for a machine as a whole: its line, its hall. Where two topics of one machine say different things at the same
//! place, as the name of a sensor does, the first stays and the log says once that this is no label. A machine that has moved is
//! another matter: when nothing was heard from the old place for [`HOLDS`], the new one counts.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use crate::{clock::Mono, config::machine::AGENT, source::Who};

/// A label that is not heard for so long gives way to another.
const HOLDS: Duration = Duration::from_secs(600);
/// So many machines are remembered at most; then all are forgotten and heard of anew.
const MOST: usize = 20_000;
/// So many characters a name may have, and are kept of a label.
const LONGEST: usize = 64;

/// All machines of one source of which more is said than the configuration does.
#[derive(Debug, Default)]
pub(super) struct Machines {
    all: Vec<Machine>,
    /// By class, for those that are not configured, and name.
    known: HashMap<(Option<Arc<str>>, Arc<str>), usize>,
    disputed: BTreeSet<Arc<str>>,
}

#[derive(Debug)]
struct Machine {
    who: Arc<Who>,
    labels: Vec<Label>,
    told: bool,
}

#[derive(Debug)]
struct Label {
    name: Arc<str>,
    value: Arc<str>,
    heard: Mono,
}

/// What one topic says of its machine.
#[derive(Clone, Debug)]
pub(super) struct Said {
    machine: usize,
    /// By the place among the machine's labels.
    labels: Box<[(usize, Arc<str>)]>,
}

/// Two topics of one machine that say different things of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dispute {
    /// The place in the template.
    pub(super) capture: Arc<str>,
    /// The machine.
    pub(super) machine: Arc<str>,
}

impl Machines {
    /// Whether all are to be forgotten before another comes; what topics say is then to be learned anew.
    pub(super) fn are_full(&self) -> bool {
        self.all.len() >= MOST
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.known.clear();
    }

    /// Takes apart what a topic says of a machine.
    pub(super) fn learn(&mut self, who: Who, captures: &[(&str, &str)], now: Mono) -> Said {
        let name = match who.class {
            Some(_) => &who.name,
            None => &who.id,
        };
        let key = (who.class.clone(), Arc::clone(name));
        let all = &mut self.all;
        let ix = *self.known.entry(key).or_insert_with(|| {
            all.push(Machine {
                who: Arc::new(who),
                labels: Vec::new(),
                told: false,
            });
            all.len() - 1
        });
        let machine = &mut all[ix];
        let captures = captures.iter().filter(|(_, value)| !value.is_empty());
        let before = machine.labels.len();
        let labels = captures.map(|&(name, value)| {
            let value = printed(value);
            let mut known = machine.labels.iter();
            let at = known.position(|label| *label.name == *name);
            let at = at.unwrap_or_else(|| {
                machine.labels.push(Label {
                    name: name.into(),
                    value: Arc::clone(&value),
                    heard: now,
                });
                machine.labels.len() - 1
            });
            (at, value)
        });
        let labels = labels.collect();
        if machine.labels.len() > before {
            machine.renew();
        }
        Said {
            machine: ix,
            labels,
        }
    }

    /// A topic has said this again.
    pub(super) fn hear(&mut self, said: &Said, now: Mono) -> Option<Dispute> {
        let machine = &mut self.all[said.machine];
        let (mut dispute, mut changed) = (None, false);
        for (at, value) in &said.labels {
            let label = &mut machine.labels[*at];
            if label.value == *value {
                label.heard = now;
            } else if now.since(label.heard) >= HOLDS {
                label.value = Arc::clone(value);
                label.heard = now;
                changed = true;
            } else if !self.disputed.contains(&label.name) {
                self.disputed.insert(Arc::clone(&label.name));
                dispute = Some(Dispute {
                    capture: Arc::clone(&label.name),
                    machine: Arc::clone(&machine.who.id),
                });
            }
        }
        if changed {
            machine.renew();
        }
        dispute
    }

    /// The machine that is meant, with all that is said of it by now.
    pub(super) fn who(&self, said: &Said) -> &Arc<Who> {
        &self.all[said.machine].who
    }

    /// The same, if the loop was not told that yet.
    pub(super) fn tell(&mut self, said: &Said) -> Option<Arc<Who>> {
        let machine = &mut self.all[said.machine];
        let told = std::mem::replace(&mut machine.told, true);
        (!told).then(|| Arc::clone(&machine.who))
    }

    /// The loop was not told after all.
    pub(super) fn untell(&mut self, said: &Said) {
        self.all[said.machine].told = false;
    }
}

impl Machine {
    fn renew(&mut self) {
        let labels = self.labels.iter();
        let labels = labels.map(|label| (Arc::clone(&label.name), Arc::clone(&label.value)));
        self.who = Arc::new(Who {
            labels: labels.collect(),
            ..Who::clone(&self.who)
        });
        self.told = false;
    }
}

/// Why a name cannot be that of a machine which is discovered.
pub(super) fn mistake(name: &str, id: Option<&str>) -> Option<&'static str> {
    match id {
        None => Some("it has no letter of a to z and no digit to make an id of"),
        Some(AGENT) => Some("that is the agent itself"),
        Some(_) if name.chars().nth(LONGEST).is_some() => Some("it has more than 64 characters"),
        Some(_) if name.chars().any(is_hidden) => Some("it has a character that is not printed"),
        Some(_) => None,
    }
}

fn is_hidden(of: char) -> bool {
    of.is_control() || of == char::REPLACEMENT_CHARACTER
}

fn printed(value: &str) -> Arc<str> {
    let value = value.chars().take(LONGEST);
    let printed = value.map(|of| match is_hidden(of) {
        true => char::REPLACEMENT_CHARACTER,
        false => of,
    });
    printed.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Mono {
        Mono::from_nanos(seconds * 1_000_000_000)
    }

    fn press(class: Option<&str>) -> Who {
        Who {
            class: class.map(Arc::from),
            id: "press-1".into(),
            name: "Press 1".into(),
            ..Who::default()
        }
    }

    fn labels(machines: &Machines, said: &Said) -> Vec<String> {
        let labels = machines.who(said).labels.iter();
        labels
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn what_is_said_is_told_once_and_again_when_it_is_more() {
        let mut machines = Machines::default();
        let one = machines.learn(press(None), &[("line", "l1"), ("cell", "")], at(0));
        let told = machines.tell(&one).expect("it is new");
        assert_eq!(told.labels, [("line".into(), "l1".into())].into());
        assert_eq!(machines.tell(&one), None);
        machines.untell(&one);
        assert!(machines.tell(&one).is_some());
        let other = machines.learn(press(None), &[("hall", "h1")], at(0));
        assert_eq!(labels(&machines, &one), ["hall=h1", "line=l1"]);
        assert!(machines.tell(&other).is_some() && machines.tell(&one).is_none());
    }

    #[test]
    fn the_first_of_two_values_stays_while_it_is_heard_and_that_is_said_once() {
        let mut machines = Machines::default();
        let [one, other] =
            ["l1", "l2"].map(|line| machines.learn(press(Some("press")), &[("line", line)], at(0)));
        let dispute = Dispute {
            capture: "line".into(),
            machine: "press-1".into(),
        };
        assert_eq!(machines.hear(&one, at(500)), None);
        assert_eq!(machines.hear(&other, at(1000)), Some(dispute));
        assert_eq!(machines.hear(&other, at(1001)), None);
        assert_eq!(labels(&machines, &other), ["line=l1"]);
        assert_eq!(machines.hear(&other, at(1100)), None);
        assert_eq!(labels(&machines, &one), ["line=l2"], "it has moved");
    }

    #[test]
    fn a_name_that_cannot_be_one_has_a_reason_and_labels_are_cut() {
        for (name, id, part) in [
            ("__", None, "no letter"),
            ("Andon", Some("andon"), "agent itself"),
            (&*"a".repeat(65), Some("a"), "64 characters"),
            ("a\u{7}", Some("a-"), "not printed"),
        ] {
            let why = mistake(name, id).expect(name);
            assert!(why.contains(part), "{why}");
        }
        assert_eq!(mistake("Öl 1", Some("l-1")), None);
        assert_eq!(printed(&"ä\n".repeat(99)).chars().count(), 64);
        assert!(!printed("a\nb").contains('\n'));
    }

    #[test]
    fn classes_and_machines_that_are_configured_are_told_apart() {
        let mut machines = Machines::default();
        let all = [None, Some("press"), Some("mill")].map(press);
        let all = all.map(|who| machines.learn(who, &[("line", "l1")], at(0)).machine);
        assert_eq!(all, [0, 1, 2]);
        assert!(!machines.are_full());
        machines.clear();
        assert!(machines.all.is_empty() && machines.known.is_empty());
    }
}
