//! The bench: one agent between a broker and receivers that write everything down, with machines that cross their limits.
//!
//! A test plays its faults on it, lets it heal, and asks for the account.

use std::{
    fs,
    ops::Range,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{
    account::{Account, Expected, account, value_of},
    broker::Broker,
    image::Image,
    ledger::{Ledger, Line},
};
use crate::support::{
    Agent, Answer, Receiver, agent::program, destination, publishers_at, too_hot, wait,
};

/// How often an acknowledged alert may reopen instead of becoming a new one: always, so that numbers stay comparable.
const ALERTS: &str = "reopen_within = \"1d\"\n";

/// A receiver with how the agent is to treat it.
pub(super) struct Destination {
    pub(super) expected: Expected,
    pub(super) receiver: Receiver,
}

pub(super) struct Bench {
    /// Before the agent, whose folder it is mounted in.
    image: Option<Image>,
    pub(super) agent: Agent,
    pub(super) broker: Broker,
    pub(super) destinations: Vec<Destination>,
    pub(super) random: Rng,
    ledger: Arc<Ledger>,
    /// See [`Plan::lossy`].
    lossy: bool,
    begin: Instant,
    /// Of each machine, whether it is above its limit.
    machines: Vec<bool>,
    next: u64,
    /// What ends the agent from another thread, at a moment that it knows.
    assassin: Assassin,
    /// Last, so that the ledger outlives who writes into it.
    _folder: TempDir,
}

/// How a bench is set up.
pub(super) struct Plan {
    pub(super) machines: usize,
    /// Names, concurrency, and whether it is open from the start.
    pub(super) destinations: Vec<(&'static str, u64)>,
    /// More configuration.
    pub(super) more: String,
    /// More lines of each destination.
    pub(super) terms: String,
    /// More lines of the destination with this name.
    pub(super) own: (&'static str, String),
    pub(super) seed: u64,
    /// Where broker and receivers listen.
    pub(super) address: String,
    /// Whether the network may deliver a request after the agent has given it up: it is then a repeat without a restart.
    pub(super) lossy: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            machines: 12,
            destinations: vec![("steady", 1), ("moody", 1), ("wide", 4)],
            more: String::new(),
            terms: String::new(),
            own: ("", String::new()),
            seed: seed(),
            address: "127.0.0.1".to_owned(),
            lossy: false,
        }
    }
}

/// The seed of this run: `ANDON_SEED` repeats one.
pub(super) fn seed() -> u64 {
    let given = std::env::var("ANDON_SEED").ok();
    let seed = given.map_or_else(
        || fastrand::u64(..),
        |seed| seed.parse().expect("ANDON_SEED is a number"),
    );
    say(&format!("ANDON_SEED={seed} repeats these moments"));
    seed
}

/// Into the output of the test.
#[expect(clippy::print_stdout, reason = "it is what the test has to say")]
pub(super) fn say(text: &str) {
    println!("{text}");
}

impl Bench {
    /// Everything is ready, and the agent is not started.
    pub(super) fn new(plan: Plan) -> Self {
        super::leftovers::clean();
        let folder = tempfile::Builder::new()
            .prefix(&format!("andon-it-{}-", std::process::id()))
            .tempdir()
            .expect("a folder");
        let ledger = Ledger::begin(&folder.path().join("ledger.jsonl"));
        let broker = Broker::start_at(&plan.address, &ledger);
        let mut destinations = Vec::new();
        let mut config = format!("{ALERTS}{}", plan.more);
        for (name, concurrency) in plan.destinations {
            let mut receiver = Receiver::closed_at(&plan.address);
            let (book, wrote) = (Arc::clone(&ledger), name);
            receiver.record(move |request| book.heard(wrote, request));
            receiver.open();
            let (whose, own) = &plan.own;
            let own = if *whose == name { own } else { "" };
            let more = format!("concurrency = {concurrency}\n{}{own}", plan.terms);
            config += &destination(name, &receiver, &more);
            destinations.push(Destination {
                expected: Expected { name, concurrency },
                receiver,
            });
        }
        let names: Vec<&str> = destinations.iter().map(|one| one.expected.name).collect();
        config += &format!("\n[[route]]\ndefault = true\nto = {names:?}\n");
        config += &publishers_at(&plan.address, broker.port(), plan.machines);
        Self {
            image: None,
            agent: Agent::new(&config, &too_hot("")),
            broker,
            destinations,
            random: Rng::with_seed(plan.seed),
            assassin: Assassin::default(),
            ledger,
            lossy: plan.lossy,
            begin: wait::now(),
            machines: vec![false; plan.machines],
            next: 1,
            _folder: folder,
        }
    }

    /// Starts the agent; it may end before it is ready.
    pub(super) fn spawn(&mut self) {
        self.ledger.write(Line::Started);
        self.agent.spawn();
        self.assassin.aim(self.agent.pid());
    }

    /// Starts the agent and waits until it watches.
    pub(super) fn run(&mut self) {
        self.spawn();
        self.agent.is_ready();
    }

    /// Ends it at once, whatever it does.
    pub(super) fn kill(&mut self, by: &str) {
        self.assassin.aim(None);
        self.agent.kill();
        self.ended(by);
    }

    /// Waits so long for the process to end, if it does.
    pub(super) fn ends_within(&mut self, limit: Duration) -> bool {
        let begin = wait::now();
        while begin.elapsed() < limit {
            if !self.agent.is_running() {
                return true;
            }
            wait::pause(Duration::from_millis(2));
        }
        false
    }

    /// Puts the data on a file system of their own, of so many MiB.
    pub(super) fn use_image(&mut self, mebibytes: u64) {
        self.image = Some(Image::mount(&self.agent.data(), mebibytes));
    }

    pub(super) fn image(&self) -> &Image {
        self.image.as_ref().expect("the data are on an image")
    }

    /// Writes down that the process has ended by itself or by somebody else.
    pub(super) fn ended(&self, by: &str) {
        for one in &self.destinations {
            one.receiver.catch_up();
        }
        self.ledger.write(Line::Ended { by: by.to_owned() });
    }

    /// Whoever is to kill the agent at a moment of its own.
    pub(super) fn assassin(&self) -> Assassin {
        self.assassin.clone()
    }

    /// So many machines, picked at random, cross their limit or are well again.
    pub(super) fn cross(&mut self, count: usize) {
        let mut picked = Vec::new();
        for _ in 0..count {
            picked.push(self.random.usize(..self.machines.len()));
        }
        self.turn(&picked);
    }

    /// Every machine crosses its limit or is well again.
    pub(super) fn cross_all(&mut self) {
        self.cross_these(0..self.machines.len());
    }

    /// These machines do.
    pub(super) fn cross_these(&mut self, machines: Range<usize>) {
        let machines: Vec<usize> = machines.collect();
        self.turn(&machines);
    }

    fn turn(&mut self, machines: &[usize]) {
        let mut now = Vec::new();
        for machine in machines {
            let up = !self.machines[*machine];
            self.machines[*machine] = up;
            now.push((self.next, *machine + 1, up));
            self.next += 1;
        }
        let intended = now.iter().map(|(number, machine, up)| Line::Intended {
            number: *number,
            machine: format!("m-{machine}"),
            up: *up,
        });
        self.ledger.intend(intended);
        for (number, machine, up) in now {
            let topic = format!("plant/m-{machine}/temp");
            self.broker.publish(number, topic, value_of(number, up));
        }
    }

    /// Every receiver gives up its moods; what was refused because of them is asked for by hand, as an operator would.
    pub(super) fn heal(&self) {
        for one in &self.destinations {
            one.receiver.answer(Answer::Accept);
        }
    }

    /// Waits until the agent has acknowledged everything and owes nothing.
    pub(super) fn drain(&mut self, limit: Duration) {
        let begin = wait::now();
        let mut asked = wait::now();
        loop {
            let status = self.agent.try_status();
            let pending = status
                .as_ref()
                .and_then(|view| view["store"]["pending"].as_u64());
            if self.broker.unacknowledged() == 0 && pending == Some(0) {
                return;
            }
            assert!(
                self.agent.is_running(),
                "the agent ended while it should drain"
            );
            assert!(
                begin.elapsed() < limit,
                "not drained in {limit:?}: {} unacknowledged, {pending:?} pending: {status:#?}",
                self.broker.unacknowledged()
            );
            // A refusal waits five minutes for a person, so here is one. Everything else must come by itself, except after hundreds of
            // kills, when what failed has earned waits as long.
            if asked.elapsed() > Duration::from_secs(2) {
                self.ask_by_hand(std::env::var_os("ANDON_LONG").is_some());
                asked = wait::now();
            }
            wait::pause(Duration::from_millis(50));
        }
    }

    fn ask_by_hand(&self, failed_too: bool) {
        // The oldest of a lane holds all others up, and is the last of this list.
        let waiting = self.agent.json("outbox", &["--json", "--limit", "1000"]);
        let wanted = |one: &&serde_json::Value| {
            let result = one["result"].as_str();
            result.is_some_and(|result| failed_too || result.starts_with("refused"))
        };
        let waiting = waiting.as_array().into_iter().flatten();
        for one in waiting.filter(wanted) {
            self.agent
                .post(&format!("/v1/outbox/{}/retry", one["id"]), "{}");
        }
    }

    /// Makes the account, and compares it with the agent's word.
    pub(super) fn account(&self) -> Account {
        let expected: Vec<Expected> = self
            .destinations
            .iter()
            .map(|one| one.expected.clone())
            .collect();
        let mut account = account(&self.ledger.read(), &expected, self.lossy);
        account.disorder += self.broker.out_of_order();
        account
    }

    /// Heals, drains and accounts; what is not clean is told and fails.
    pub(super) fn settle(&mut self) -> Account {
        self.heal();
        self.drain(Duration::from_secs(120));
        let account = self.account();
        let kept = || self.ledger.keep().display().to_string();
        assert!(account.is_clean(), "{account:#?}; see {}", kept());
        assert_eq!(
            self.next - 1,
            account.acknowledged,
            "every input was acknowledged in the end"
        );
        self.agrees();
        self.proves(&account);
        if !self.lossy {
            self.verified();
        }
        account
    }

    /// The agent's proof of its own record holds, and it knows of no fewer acceptances than the receivers do.
    fn proves(&self, account: &Account) {
        let report = self.agent.json("verify", &["--json"]);
        let kept = || self.ledger.keep().display().to_string();
        assert_eq!(report["fine"], true, "{report:#}; see {}", kept());
        assert_eq!(report["lost"], 0, "{report:#}; see {}", kept());
        let destinations = report["destinations"].as_array().into_iter().flatten();
        let accepted: u64 = destinations
            .filter_map(|one| one["accepted"].as_u64())
            .sum();
        assert!(accepted >= account.deliveries, "{report:#}; {account:#?}");
    }

    /// The agent's own proof for receivers says the same of what they stored.
    fn verified(&self) {
        let mut stored = String::new();
        for entry in self.ledger.read() {
            if let Line::Heard {
                destination,
                body,
                accepted: true,
                ..
            } = entry.line
            {
                let line = serde_json::json!({ "destination": destination, "body": body });
                stored += &format!("{line}\n");
            }
        }
        let file = self.agent.path("received.jsonl");
        fs::write(&file, stored).expect("what receivers stored");
        let output = Command::new(program())
            .args([
                "verify",
                "--json",
                "--by",
                "/destination",
                "--body",
                "/body",
                "--received",
            ])
            .arg(file)
            .output()
            .expect("the program runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{said}; see {}",
            self.ledger.keep().display()
        );
        let report: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        let streams = report["streams"].as_array().expect("a list").len();
        assert_eq!(streams, self.destinations.len(), "{said}");
    }

    /// The agent's own list says of each machine what was published last.
    fn agrees(&self) {
        let alerts = self.agent.json("alerts", &["--json"]);
        let open = |name: &str| {
            let mut all = alerts.as_array().expect("a list").iter();
            all.any(|alert| alert["machine"] == name && alert["state"] != "resolved")
        };
        for (index, up) in self.machines.iter().enumerate() {
            let name = format!("m-{}", index + 1);
            assert_eq!(open(&name), *up, "{name}: {alerts:#}");
        }
    }

    /// How many requests have arrived so far.
    pub(super) fn heard(&self) -> usize {
        self.destinations
            .iter()
            .map(|one| one.receiver.all().len())
            .sum()
    }

    /// How long it has run.
    pub(super) fn age(&self) -> Duration {
        self.begin.elapsed()
    }

    /// The number of the next crossing.
    pub(super) fn next_number(&self) -> u64 {
        self.next
    }
}

/// Kills the agent from wherever it is called, once for each process.
#[derive(Clone, Default)]
pub(super) struct Assassin(Arc<Mutex<Option<Pid>>>);

impl Assassin {
    fn aim(&self, pid: Option<Pid>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = pid;
    }

    /// Kills it, if it has not done so to this process; says whether it did.
    pub(super) fn strike(&self) -> bool {
        // Held meanwhile: who wants to collect the process first says so with `aim`, so the number is still that process.
        let mut pid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match pid.take() {
            Some(pid) => kill_process(pid, Signal::KILL).is_ok(),
            None => false,
        }
    }
}

/// A receiver that answers as it likes: what real ones do, in the proportions of a bad day.
pub(super) fn moods(receiver: &Receiver, seed: u64) {
    let mut random = Rng::with_seed(seed);
    receiver.answer_each(move |_| match random.u8(..20) {
        0 | 1 => Answer::Status(500),
        2 => Answer::Later(1),
        3 => Answer::LaterByDate(1),
        4 | 5 => Answer::Cut,
        6 => Answer::Hang,
        7 => Answer::Status(404),
        8 | 9 => Answer::Slowly(random.u64(5..150)),
        _ => Answer::Accept,
    });
}
