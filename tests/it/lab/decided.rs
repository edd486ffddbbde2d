//! The account of what was decided under load, from two words that are not the agent's: what the broker acknowledged to the publisher, and
//! what receivers accepted.
//!
//! The broker sends in the order in which it took, and after a restart of the agent once more from the first message that was not
//! acknowledged. So every message that changed its machine's side has decided an event that bears its number (**lost** if not), no
//! event bears another number or changes nothing (**phantom**), and numbers in the order of decisions grow, except that they
//! fall back once after a restart; what they then repeat is **decided again**. All events of a machine are of one alert here, as whatever
//! comes back reopens it: another one would be a **second alert** for the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::account::Told;

/// A message that the broker has acknowledged to its publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// From 0, in the order of publishing.
    pub(super) number: u64,
    pub(super) machine: String,
    pub(super) up: bool,
}

impl Taken {
    /// `number machine value`, as the publisher prints it.
    pub(super) fn read(line: &str) -> Self {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("a word");
        Self {
            number: word().parse().expect("a number"),
            machine: format!("m-{}", word()),
            up: !word().starts_with('-'),
        }
    }
}

/// The result.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Decided {
    /// Messages that changed their machine's side.
    pub(super) crossings: u64,
    /// Numbers of those of them that decided nothing.
    pub(super) lost: Vec<u64>,
    pub(super) phantom: Vec<Told>,
    /// Of each restart after which something was decided again.
    pub(super) again: Vec<Again>,
    /// Machines with more than one alert.
    pub(super) second_alerts: Vec<String>,
}

/// What was decided again after a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) events: u64,
    /// From the first message that decided again to the last that had decided before, both counted.
    pub(super) messages: u64,
}

/// Makes the account. Both are in their order; `told` is what one destination accepted.
pub(super) fn decided(taken: &[Taken], told: &[Told]) -> Decided {
    let mut account = Decided::default();
    let events: BTreeSet<u64> = told.iter().map(|event| event.number).collect();
    let mut sides: HashMap<&str, bool> = HashMap::new();
    for message in taken {
        let side = sides.entry(&message.machine).or_insert(false);
        if std::mem::replace(side, message.up) != message.up {
            account.crossings += 1;
            if !events.contains(&message.number) {
                account.lost.push(message.number);
            }
        }
    }
    let inputs: HashMap<u64, &Taken> = taken.iter().map(|one| (one.number, one)).collect();
    let (mut sides, mut alerts) = (HashMap::new(), BTreeMap::new());
    let (mut before, mut latest) = (None, None);
    for event in told {
        let meant = inputs.get(&event.number);
        let is_right = meant.is_some_and(|one| one.machine == event.machine && one.up == event.up);
        let changes = sides.insert(&event.machine, event.up).unwrap_or(false) != event.up;
        if !is_right || !changes {
            account.phantom.push(event.clone());
        }
        let number = event.number;
        if before.is_some_and(|before| number <= before) {
            let messages = latest.map_or(0, |latest: u64| latest - number + 1);
            account.again.push(Again {
                events: 0,
                messages,
            });
        }
        if latest.is_some_and(|latest| number <= latest)
            && let Some(again) = account.again.last_mut()
        {
            again.events += 1;
        }
        before = Some(number);
        latest = latest.max(before);
        let of_machine: &mut BTreeSet<&str> = alerts.entry(&event.machine).or_default();
        of_machine.insert(&event.alert);
    }
    let several = alerts.into_iter().filter(|(_, alerts)| alerts.len() > 1);
    account.second_alerts = several.map(|(machine, _)| machine.clone()).collect();
    account
}

impl Decided {
    /// The most that was decided again after one restart.
    pub(super) fn most_again(&self) -> Again {
        let most = |figure: fn(&Again) -> u64| self.again.iter().map(figure).max().unwrap_or(0);
        Again {
            events: most(|again| again.events),
            messages: most(|again| again.messages),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(number: u64, machine: &str, up: bool) -> Taken {
        let machine = machine.to_owned();
        Taken {
            number,
            machine,
            up,
        }
    }

    fn told(number: u64, machine: &str, up: bool) -> Told {
        Told {
            machine: machine.to_owned(),
            alert: format!("alert of {machine}"),
            number,
            up,
        }
    }

    #[test]
    fn a_loss_a_phantom_a_second_alert_and_what_is_decided_again_are_found() {
        let inputs = [
            taken(0, "a", true),
            taken(1, "b", true),
            taken(2, "a", true),
            taken(3, "a", false),
            taken(4, "b", false),
        ];
        let all = [
            told(0, "a", true),
            told(1, "b", true),
            told(3, "a", false),
            told(4, "b", false),
        ];
        let found = decided(&inputs, &all);
        let clean = Decided {
            crossings: 4,
            ..Decided::default()
        };
        assert_eq!(found, clean);
        assert_eq!(decided(&inputs, &all[..3]).lost, [4]);

        // After a restart the broker sends again from the third message on, which now finds the machine on its other side.
        let (first, rest) = (&all[..3], &all[3..]);
        let again = [told(2, "a", true), told(3, "a", false)];
        let found = decided(&inputs, &[first, &again, rest].concat());
        let repeated = Again {
            events: 2,
            messages: 2,
        };
        assert_eq!(found.again, [repeated]);
        assert_eq!((found.phantom.len(), found.lost.len()), (0, 0));

        for wrong in [told(9, "a", true), told(3, "a", true), told(3, "b", true)] {
            let found = decided(&inputs, &[&all[..], std::slice::from_ref(&wrong)].concat());
            assert_eq!(found.phantom, [wrong]);
        }
        let nothing_changes = [told(0, "a", true), told(2, "a", true)];
        assert_eq!(decided(&inputs, &nothing_changes).phantom.len(), 1);
        let mut second = all.to_vec();
        second[2].alert = "another".to_owned();
        assert_eq!(decided(&inputs, &second).second_alerts, ["a"]);
    }
}
