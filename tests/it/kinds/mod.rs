//! Every kind of destination through the life of an alert and through trouble, against a stand-in for its service, over real sockets.
//!
//! One table for all: a kind is a [`Case`] in a file beside this one, and one line in [`CASES`]. Each is read from a
//! configuration, rendered, sent, answered and interpreted by the product's own attempt; nothing waits, as what follows from an
//! outcome is the schedule's and tested there. A kind that has no case fails a test.

mod alertmanager;
mod alertmanager_itself;
mod case;
mod chats;
mod direct;
mod discord;
mod google_chat;
mod harp;
mod mail;
mod opsgenie;
mod opshift;
mod opsknight;
mod others;
mod pagerduty;
mod plant;
mod schemas;
mod server;
mod slack;
mod stand_in;
mod teams;
mod telegram;
mod told;
mod webhook;
mod whole;

use std::thread;

use andon::{
    alert::event::EventKind,
    clock::{Clock, Now, Synchronised},
    config::{self, Env, Paths},
    delivery::attempt::{Contact, carry},
    destination::{Destination, Outcome, kind_words, notice::Notice},
};

pub(crate) use self::case::{Case, Expected, Step, Verdict, matches};
use self::{
    stand_in::{Mood, StandIn, TROUBLES},
    told::{attempt, facts, notice},
};

/// All cases. A kind may have several: one for each mode.
const CASES: &[&[Case]] = &[
    alertmanager::CASES,
    direct::CASES,
    discord::CASES,
    google_chat::CASES,
    harp::CASES,
    mail::CASES,
    opsgenie::CASES,
    opshift::CASES,
    opsknight::CASES,
    pagerduty::CASES,
    plant::CASES,
    slack::CASES,
    teams::CASES,
    telegram::CASES,
    webhook::CASES,
];

fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().copied().flatten()
}

#[test]
fn every_kind_has_a_case_and_every_case_has_a_name() {
    let cased = |word: &&str| cases().any(|case| case.kind == *word);
    let missing: Vec<&str> = kind_words().filter(|word| !cased(word)).collect();
    assert!(missing.is_empty(), "kinds without a case: {missing:?}");
    let mut names: Vec<&str> = cases().map(|case| case.name).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "{names:?}");
}

#[test]
fn every_kind_tells_the_life_of_an_alert() {
    in_parallel(|case| {
        let mut bench = Bench::new(case);
        let abilities = bench.destination.abilities();
        let mut lives: Vec<&[Step]> = vec![
            &[
                Step::Trigger,
                Step::Escalate,
                Step::Acknowledge,
                Step::Resolve,
            ],
            &[Step::JoinLate, Step::Resolve],
        ];
        lives.push(match abilities.ends_tests {
            true => &[Step::Test, Step::EndTest],
            false => &[Step::Test],
        });
        if abilities.new_incident {
            lives.push(&[Step::Trigger, Step::Ring, Step::TakeRung, Step::EndRung]);
        }
        let mut told: Vec<Step> = Vec::new();
        for life in lives {
            bench.forget();
            for step in life {
                bench.tell(*step);
                told.push(*step);
            }
        }
        let mut written = Step::ALL.into_iter();
        let never = written.find(|step| !told.contains(step) && !case.told(*step).is_empty());
        assert_eq!(never, None, "{}: cannot happen", case.name);
    });
}

#[test]
fn every_kind_knows_trouble_when_it_meets_it_and_goes_on_after_it() {
    in_parallel(|case| {
        for mood in TROUBLES {
            let (verdict, said) = case.trouble(mood);
            if verdict == Verdict::Never {
                continue;
            }
            let mut bench = Bench::new(case);
            // Others run beside it, and one of them might listen where it was.
            let mut _port = None;
            if mood == Mood::Gone {
                _port = bench.stand_in.take().and_then(|gone| gone.port());
            } else {
                bench.is(mood);
            }
            let outcome = bench.attempt(&notice(Step::Trigger), Step::Trigger);
            let what = format!("{}, {mood:?}", case.name);
            let why = match (&outcome, verdict) {
                (Outcome::Failed { why, retry_after }, Verdict::Rests(seconds)) => {
                    assert_eq!(
                        retry_after.map(|after| after.as_secs()),
                        Some(seconds),
                        "{what}"
                    );
                    why
                }
                (
                    Outcome::Failed {
                        why,
                        retry_after: None,
                    },
                    Verdict::Fails,
                )
                | (Outcome::Refused { why, give_up: true }, Verdict::GivesUp)
                | (
                    Outcome::Refused {
                        why,
                        give_up: false,
                    },
                    Verdict::Waits,
                )
                | (Outcome::Unreachable { why }, Verdict::Unreachable) => why,
                _ => panic!("{what}: {outcome:?} is not {verdict:?}"),
            };
            assert!(why.contains(said), "{what}: {why}");
            if mood != Mood::Gone {
                bench.is(Mood::Well);
                bench.tell(Step::Trigger);
            }
        }
    });
}

/// Runs this for each case at the same time; one that fails is named.
fn in_parallel(run: fn(&'static Case)) {
    let failed: Vec<&str> = thread::scope(|scope| {
        let running: Vec<_> = cases()
            .map(|case| (case.name, scope.spawn(move || run(case))))
            .collect();
        let ended = running.into_iter();
        ended
            .filter_map(|(name, running)| running.join().is_err().then_some(name))
            .collect()
    });
    assert!(failed.is_empty(), "these failed: {failed:?}");
}

/// A destination and its stand-in; what an answer left for follow-ups is kept between steps.
struct Bench {
    case: &'static Case,
    stand_in: Option<Box<dyn StandIn>>,
    destination: Destination,
    thread: Option<String>,
}

impl Bench {
    fn new(case: &'static Case) -> Self {
        let stand_in = (case.stand_in)();
        let destination = read(case, &stand_in.fill(case.config));
        Self {
            case,
            stand_in: Some(stand_in),
            destination,
            thread: None,
        }
    }

    fn is(&self, mood: Mood) {
        let stand_in = self.stand_in.as_ref().expect("a stand-in");
        stand_in.take();
        stand_in.becomes(mood);
    }

    /// Begins another alert.
    fn forget(&mut self) {
        self.thread = None;
    }

    /// Tells a step and expects that it is accepted and was what the case says.
    fn tell(&mut self, step: Step) {
        let (name, notice) = (self.case.name, notice(step));
        let kind = EventKind::from_word(&notice.kind).expect("a kind");
        let expected = self.case.told(step);
        // Who joins late is told a trigger, whatever it takes otherwise.
        let taken = step == Step::JoinLate || self.destination.wants(kind);
        assert_eq!(
            taken,
            !expected.is_empty(),
            "{name}, {step:?}: taken or not"
        );
        if !taken {
            return;
        }
        let outcome = self.attempt(&notice, step);
        let accepted = matches!(outcome, Outcome::Accepted { .. });
        assert!(accepted, "{name}, {step:?}: {outcome:?}");
        let seen = self.stand_in.as_ref().map(|stand_in| stand_in.take());
        let seen = seen.unwrap_or_default();
        matches(&format!("{name}, {step:?}"), &seen, expected, &facts());
    }

    fn attempt(&mut self, notice: &Notice, step: Step) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let now = now();
        let attempt = attempt(step, now);
        // What is kept beforehand is on disk before anything is sent.
        let kept = self.thread.take();
        let told = self.destination.told(notice, &attempt, kept.as_deref());
        self.thread = self.destination.beforehand(&told).or(kept.clone());
        let thread = self.thread.clone();
        let told = self.destination.told(notice, &attempt, thread.as_deref());
        let exchange = runtime.block_on(async {
            let contact = Contact::new(&self.destination, None).expect("a contact");
            carry(&self.destination, &contact, &told, now).await
        });
        if let Some(thread) = exchange.thread {
            assert!(thread.len() <= 4096, "{}: {thread}", self.case.name);
            self.thread = Some(thread);
        }
        exchange.outcome
    }
}

/// Reads it as the program does.
fn read(case: &Case, lines: &str) -> Destination {
    let folder = tempfile::tempdir().expect("a folder");
    let main = folder.path().join("andon.toml");
    let (name, kind) = (case.name, case.kind);
    let text = format!(
        "[agent]\nsite = \"plant-7\"\nallow_commands = true\n\n[[destination]]\nname = \"{name}\"\ntype = \"{kind}\"\n{lines}\n\n\
         [[route]]\ndefault = true\nto = [\"{name}\"]\n"
    );
    std::fs::write(&main, text).expect("the configuration");
    let loaded = config::load(&Paths { main }, &Env::default());
    let loaded = loaded.unwrap_or_else(|wrong| panic!("{name}: {wrong:#?}"));
    let mut read = loaded.settings.parts.destinations.into_iter();
    read.next().expect("the destination")
}

fn now() -> Now {
    Clock::system(Synchronised::Assume).now()
}
