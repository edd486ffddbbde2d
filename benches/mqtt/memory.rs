//! How much memory the agent takes when it has heard all of 10,000 topics, with a rule for each.

use std::{thread, time::Duration};

use crate::{
    INFLIGHT, Qos,
    broker::Broker,
    goal, process,
    subject::{Kind, Subject},
    wire::Publisher,
};

const MACHINES: usize = 10_000;
const ROUNDS: usize = 5;

pub fn memory() {
    let few = measure(10);
    let many = measure(MACHINES);
    println!(
        "memory, {MACHINES} topics heard {ROUNDS} times, a rule for each: {:.1} MiB resident ({:.1} of its own, at most {:.1} since its start); with 10 topics {:.1} MiB ({:.1})",
        many[0], many[1], many[2], few[0], few[1]
    );
    goal(
        "MiB resident with 10,000 topics",
        many[0],
        many[0] < 24.0,
        "under 24",
    );
}

/// MiB: resident, of them not of files, and the most that was resident.
fn measure(machines: usize) -> [f64; 3] {
    let broker = Broker::start(INFLIGHT);
    let mut publisher = Publisher::connect(broker.port());
    let mut agent = Subject::new(Kind::Agent, machines, Qos::One, &broker, 0);
    agent.begin(&mut publisher);
    for _ in 0..ROUNDS {
        for machine in 0..machines {
            publisher.publish(agent.topic(machine), "20.5", 1);
        }
        agent.mark(&mut publisher);
        thread::sleep(Duration::from_secs(1));
    }
    ["VmRSS:", "RssAnon:", "VmHWM:"].map(|name| process::kib(agent.pid(), name) as f64 / 1024.0)
}
