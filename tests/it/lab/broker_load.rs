//! kill -9 at random moments and inside system calls, under a thousand messages a second at QoS 1 from a real publisher through a real
//! broker: nothing that the broker took is lost, and what is decided again lies in the window that was in flight. Then the same broker with
//! its own defaults, which loses what its queue does not hold, and says so.

use std::{fs, sync::Arc, time::Duration};

use fastrand::Rng;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    account::{Account, Expected, account_of_telling},
    bench::{say, seed},
    campaign::{figure, knob},
    decided::{Again, Decided, Taken, decided},
    flow::{Publisher, Sight},
    kills::Moment,
    ledger::{Ledger, Line},
    needs::Need,
    trace::{self, Point},
};
use crate::support::{Agent, Broker, Receiver, destination, publishers_at, too_hot, wait};

/// Messages in a second.
const RATE: usize = 1000;
const MACHINES: usize = 40;
/// A machine crosses its limit with every so many of its messages: a hundred crossings in a second.
const EVERY: usize = 10;
/// After so many kills the agent drains and is accounted for.
const BLOCK: usize = 100;
/// Everything may wait, and nothing is kept over a restart, which does not happen.
const UNLIMITED: &str = "max_queued_messages 0\npersistence false\nlog_type all\n";
/// What a mosquitto without a configuration does.
const DEFAULTS: &str = "persistence false\nlog_type all\n";

const DESTINATIONS: [Expected; 2] = [
    Expected {
        name: "steady",
        concurrency: 1,
    },
    Expected {
        name: "wide",
        concurrency: 4,
    },
];

struct Load {
    agent: Agent,
    broker: Broker,
    sight: Sight,
    ledger: Arc<Ledger>,
    receivers: Vec<Receiver>,
    random: Rng,
    /// Where the process that runs is to be killed from inside.
    point: Option<Point>,
    _folder: TempDir,
}

impl Load {
    /// The agent is running and has subscribed.
    fn start(settings: &str, seed: u64) -> Self {
        super::leftovers::clean();
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = Ledger::begin(&folder.path().join("ledger.jsonl"));
        let broker = Broker::start_as(settings);
        // Whatever comes back reopens its alert, so that a second one is found.
        let mut config = "reopen_within = \"1d\"\n".to_owned();
        let mut receivers = Vec::new();
        for Expected { name, concurrency } in DESTINATIONS {
            let mut receiver = Receiver::closed();
            let book = Arc::clone(&ledger);
            receiver.record(move |request| book.heard(name, request));
            receiver.open();
            let more = format!("concurrency = {concurrency}\n");
            config += &destination(name, &receiver, &more);
            receivers.push(receiver);
        }
        let names = DESTINATIONS.map(|expected| expected.name);
        config += &format!("\n[[route]]\ndefault = true\nto = {names:?}\n");
        // One machine more, for the last message.
        config += &publishers_at("127.0.0.1", broker.port(), MACHINES + 1);
        let mut load = Self {
            agent: Agent::new(&config, &too_hot("")),
            sight: Sight::of(&broker),
            broker,
            ledger,
            receivers,
            random: Rng::with_seed(seed),
            point: None,
            _folder: folder,
        };
        load.spawn();
        load.until("the agent has subscribed", |sight| sight.subscribed);
        load
    }

    fn spawn(&mut self) {
        self.ledger.write(Line::Started);
        self.agent.spawn();
    }

    fn kill(&mut self) {
        self.agent.kill();
        for receiver in &self.receivers {
            receiver.catch_up();
        }
        let by = match self.point {
            Some(point) => point.word(),
            None => "a kill under load",
        };
        let by = by.to_owned();
        self.ledger.write(Line::Ended { by });
    }

    /// Waits until mosquitto has logged it.
    fn until(&mut self, what: &str, seen: impl Fn(&Sight) -> bool) {
        let sight = &mut self.sight;
        wait::until(what, || {
            sight.look();
            seen(sight).then_some(())
        });
    }

    /// Waits until mosquitto has one more acknowledgement of the agent than it has now.
    fn until_it_acknowledges(&mut self) {
        self.sight.look();
        let before = self.sight.acknowledged;
        self.until("the agent acknowledges", |sight| {
            sight.acknowledged > before
        });
    }

    /// Kills the agent while it takes messages, at a random moment or where it was to be killed from inside, and starts the next one, which is
    /// to be killed there.
    fn round(&mut self, next: Option<Point>) {
        if self.point.is_some() {
            // One that has less to do than that never comes there.
            let begin = wait::now();
            while self.agent.is_running() && begin.elapsed() < Moment::PATIENCE {
                wait::pause(Duration::from_millis(2));
            }
        } else {
            self.until_it_acknowledges();
            wait::pause(Duration::from_millis(self.random.u64(..400)));
            assert!(self.agent.is_running(), "it ended on its own");
        }
        self.kill();
        wait::pause(Duration::from_millis(self.random.u64(..200)));
        self.point = next;
        self.agent.wrap(next.map_or_else(Vec::new, trace::kill_at));
        self.spawn();
    }

    /// Ends the flow, waits until the agent has taken everything and owes nothing, and accounts.
    fn settle(mut self, mut publisher: Publisher) -> Outcome {
        self.until_it_acknowledges();
        publisher.stop();
        // Behind a full queue the broker would drop the last messages, and nobody would know how a machine stands.
        wait::within(
            Duration::from_secs(180),
            "the agent has taken what the broker holds",
            || {
                self.sight.look();
                self.sight.in_flight.is_empty().then_some(())
            },
        );
        let taken = publisher.finish();
        let last = taken.last().expect("a message").machine.clone();
        assert_eq!(last, format!("m-{}", MACHINES + 1));
        let done = wait::within(
            Duration::from_secs(180),
            "the agent has taken everything",
            || {
                assert!(self.agent.is_running(), "it ended on its own");
                self.sight.look();
                let view = self.agent.try_status()?;
                let alerts = view["alerts"].as_array()?;
                let heard = is_open(alerts, &last);
                let owes_nothing = view["store"]["pending"].as_u64() == Some(0);
                // Otherwise mosquitto might send again what came before the last message.
                let all_acknowledged = self.sight.in_flight.is_empty();
                (heard && owes_nothing && all_acknowledged).then_some(view)
            },
        );
        // What the publisher said last of each machine is how it stands.
        for machine in 1..=MACHINES {
            let name = format!("m-{machine}");
            let said = taken.iter().rev().find(|one| one.machine == name);
            let alerts = done["alerts"].as_array().expect("a list");
            let open = is_open(alerts, &name);
            assert_eq!(open, said.is_some_and(|one| one.up), "{name}: {alerts:#?}");
        }
        let report = self.agent.json("verify", &["--json"]);
        assert_eq!(report["fine"], true, "{report:#}");
        let (telling, told) = account_of_telling(&self.ledger.read(), &DESTINATIONS);
        let outcomes: Vec<Decided> = told.iter().map(|told| decided(&taken, told)).collect();
        assert_eq!(outcomes[0], outcomes[1], "both destinations heard the same");
        let outcome = Outcome {
            decided: outcomes[0].clone(),
            telling,
            taken,
            in_flight: self.sight.ended.clone(),
            dropped: self.dropped(),
        };
        if !outcome.is_sound() {
            let kept = self.ledger.keep();
            panic!(
                "{:#?} {:#?}; see {}",
                outcome.decided,
                outcome.telling,
                kept.display()
            );
        }
        outcome
    }

    /// How often mosquitto logged that it drops what the agent should have had.
    fn dropped(&self) -> usize {
        let log = fs::read_to_string(self.broker.log()).expect("mosquitto's log");
        log.matches("Outgoing messages are being dropped").count()
    }
}

fn is_open(alerts: &[Value], machine: &str) -> bool {
    let mut alerts = alerts.iter();
    alerts.any(|alert| alert["machine"] == machine && alert["state"] != "resolved")
}

/// What a run came to.
struct Outcome {
    decided: Decided,
    telling: Account,
    taken: Vec<Taken>,
    /// At the end of each connection.
    in_flight: Vec<usize>,
    dropped: usize,
}

impl Outcome {
    /// Whatever the broker lost, the agent invents nothing and tells well.
    fn is_sound(&self) -> bool {
        let decided = &self.decided;
        decided.phantom.is_empty() && decided.second_alerts.is_empty() && self.telling.is_clean()
    }
}

#[test]
fn kills_under_a_thousand_messages_a_second_lose_nothing_that_the_broker_took() {
    let kills = knob("ANDON_KILLS", 10, 200);
    let traced = Need::Strace.is_met("kills inside system calls under load");
    let mut random = Rng::with_seed(seed());
    let (mut messages, mut crossings, mut events) = (0, 0, 0);
    let (mut hit, mut most) = (0, Again::default());
    let (mut again, begin) = (0, wait::now());
    let (mut done, mut inside) = (0, 0);
    while done < kills {
        let mut load = Load::start(UNLIMITED, random.u64(..));
        let publisher = Publisher::start(load.broker.port(), RATE, MACHINES, EVERY);
        let block = BLOCK.min(kills - done);
        for round in 1..=block {
            // The last one lives on.
            let from_inside = traced && round < block && round % 2 == 1;
            load.round(from_inside.then(|| Point::pick(&mut random)));
        }
        inside += if traced { block / 2 } else { 0 };
        let outcome = load.settle(publisher);
        let Decided { lost, .. } = &outcome.decided;
        assert!(lost.is_empty(), "lost: {lost:?}");
        let repeated = outcome.decided.most_again();
        let window = outcome.in_flight.iter().copied().max().unwrap_or(0);
        assert!(
            repeated.messages <= window as u64,
            "{:?} beyond {window}",
            outcome.decided.again
        );
        assert!(
            outcome.decided.again.len() <= block,
            "{:?}",
            outcome.decided
        );
        done += block;
        messages += outcome.taken.len();
        crossings += outcome.decided.crossings;
        events += outcome.telling.deliveries / DESTINATIONS.len() as u64;
        again += outcome
            .decided
            .again
            .iter()
            .map(|one| one.events)
            .sum::<u64>();
        hit += outcome
            .in_flight
            .iter()
            .filter(|waiting| **waiting > 0)
            .count();
        most.events = most.events.max(repeated.events);
        most.messages = most.messages.max(repeated.messages);
    }
    figure(&format!(
        "kills under {RATE} MQTT messages/s  {kills:>5} kills, {inside} of them meant for inside a system call, {hit} with messages in flight; {messages} messages taken by mosquitto, {crossings} crossings, {events} events; lost 0, decided again {again}, at most {} events and {} messages after one kill, second alerts 0; {:.1} s",
        most.events,
        most.messages,
        begin.elapsed().as_secs_f64()
    ));
}

#[test]
fn a_broker_with_its_defaults_loses_what_its_queue_does_not_hold_and_says_so() {
    let mut load = Load::start(DEFAULTS, seed());
    let publisher = Publisher::start(load.broker.port(), RATE, MACHINES, EVERY);
    load.until_it_acknowledges();
    load.kill();
    // mosquitto keeps 1,000 messages for a client that is away: these are three times as many.
    wait::pause(Duration::from_secs(3));
    load.spawn();
    let outcome = load.settle(publisher);
    let Decided {
        crossings, lost, ..
    } = &outcome.decided;
    assert!(!lost.is_empty(), "mosquitto kept more than it says");
    assert!(outcome.dropped > 0, "mosquitto does not say that it drops");
    figure(&format!(
        "mosquitto's default queue of 1,000 messages  agent away for 3 s: {} of {crossings} crossings lost of {} messages taken, as mosquitto's log says; invented 0",
        lost.len(),
        outcome.taken.len(),
    ));
    say("with max_queued_messages 0 nothing is lost");
}
