//! How much memory the agent takes when it has heard all of 10,000 topics, with a rule for each: of as many machines, or of a hundred.

use std::{thread, time::Duration};

use crate::{
    INFLIGHT, Qos,
    broker::Broker,
    goal,
    plant::Shape,
    process,
    subject::{Kind, Subject},
    wire::Publisher,
};

const ROUNDS: usize = 5;

pub fn memory() {
    for (machines, topics) in [(10, 1), (100, 100), (10_000, 1)] {
        let shape = Shape { machines, topics };
        let [resident, own, most] = measure(shape);
        println!(
            "memory, {} topics of {machines} machines heard {ROUNDS} times, a rule for each: {resident:.1} MiB resident ({own:.1} of its own), at most {most:.1} since its start",
            machines * topics
        );
        if machines * topics == 10_000 {
            let what = "MiB resident with 10,000 topics";
            goal(what, resident, resident < 24.0, "under 24");
        }
    }
}

/// MiB: resident, of them not of files, and the most that was resident.
fn measure(shape: Shape) -> [f64; 3] {
    let broker = Broker::start(INFLIGHT);
    let mut publisher = Publisher::connect(broker.port());
    let mut agent = Subject::new(Kind::Agent, shape, Qos::One, &broker, 0);
    agent.begin(&mut publisher);
    for _ in 0..ROUNDS {
        for topic in 0..shape.machines * shape.topics {
            publisher.publish(agent.topic(topic), "20.5", 1);
        }
        agent.mark(&mut publisher);
        thread::sleep(Duration::from_secs(1));
    }
    ["VmRSS:", "RssAnon:", "VmHWM:"].map(|name| process::kib(agent.pid(), name) as f64 / 1024.0)
}
