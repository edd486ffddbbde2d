//! What a message costs in a steady flow, in processor time of the process that takes it.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    INFLIGHT, PAIRS, Qos, TOPICS, broker::Broker, goal, median, subject::Subject, wire::Publisher,
};

const WARM_UP: Duration = Duration::from_millis(500);
const ROUND: Duration = Duration::from_secs(3);
/// A flow is behind if its last message is taken this much later than it was published.
const BEHIND: Duration = Duration::from_secs(1);

pub fn cpu() {
    for qos in [Qos::Zero, Qos::One] {
        for rate in [1000, 10_000] {
            flow(qos, rate);
        }
    }
}

fn flow(qos: Qos, rate: u32) {
    let broker = Broker::start(INFLIGHT);
    let mut publisher = Publisher::connect(broker.port());
    let mut subjects = Subject::pair(TOPICS, qos, &broker, &mut publisher);
    let mut costs = [Vec::new(), Vec::new()];
    let mut behind = 0;
    for pair in 0..PAIRS {
        // Whatever drifts on the machine drifts under both.
        for at in [pair % 2, 1 - pair % 2] {
            let subject = &mut subjects[at];
            publish(subject, &mut publisher, rate, WARM_UP);
            let before = subject.work();
            let messages = publish(subject, &mut publisher, rate, ROUND);
            let ended = Instant::now();
            let last = subject.mark(&mut publisher).at;
            behind += usize::from(last.duration_since(ended) > BEHIND);
            let worked = subject.work().since(&before);
            costs[at].push(worked.as_secs_f64() * 1e6 / messages as f64);
        }
    }
    let ratio = median(
        costs[0]
            .iter()
            .zip(&costs[1])
            .map(|(ours, bare)| ours / bare),
    );
    let [ours, bare] = costs.map(median);
    println!(
        "cpu, {rate} messages/s at QoS {} on {TOPICS} topics, median of {PAIRS} pairs: agent {ours:.1} us a message, bare loop {bare:.1} us, ratio {ratio:.3}",
        qos as u8
    );
    if behind > 0 {
        println!("  {behind} rounds were taken more than {BEHIND:?} late");
    }
    if subjects[0].has_dropped() {
        println!("  the agent dropped messages: the figure is not one");
    }
    goal(
        "processor time of a message beside the bare loop",
        ratio,
        ratio <= 1.5,
        "at most 1.5",
    );
}

/// Publishes values below every limit for a while, evenly, and gives how many.
fn publish(subject: &Subject, publisher: &mut Publisher, rate: u32, time: Duration) -> usize {
    let (begin, qos) = (Instant::now(), subject.qos as u8);
    let total = (f64::from(rate) * time.as_secs_f64()) as usize;
    let mut published = 0;
    while published < total {
        // What is due by now, so that a late wake-up changes nothing about the rate.
        let due = (f64::from(rate) * begin.elapsed().as_secs_f64()) as usize;
        while published < due.min(total) {
            let value = if published % 2 == 0 { "20.5" } else { "21.5" };
            publisher.publish(subject.topic(published), value, qos);
            published += 1;
        }
        publisher.flush();
        thread::sleep(Duration::from_millis(1));
    }
    published
}
