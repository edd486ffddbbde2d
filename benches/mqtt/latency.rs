//! From the moment a value leaves its publisher to the moment a receiver has the whole request about it, while a thousand other values
//! flow each second. The agent commits before it sends; the bare loop stores nothing.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    INFLIGHT, PAIRS, Qos, TOPICS,
    broker::Broker,
    commit::Commits,
    crossing, goal, median, quantile,
    subject::{Kind, Subject},
    wire::Publisher,
};

const RATE: usize = 1000;
const ROUND: usize = 6 * RATE;
/// Every so many messages is a crossing: of fifty machines, each once in a second.
const EVERY: usize = 20;
/// Pages of 512 bytes that a decision writes.
const PAGES: i64 = 11;

pub fn latency() {
    let broker = Broker::start(INFLIGHT);
    let mut publisher = Publisher::connect(broker.port());
    let mut subjects = Subject::pair(TOPICS, Qos::One, &broker, &mut publisher);
    let mut commits = Commits::new(&subjects[0].folder(), PAGES);
    let mut times = [Vec::new(), Vec::new()];
    let mut alone = Vec::new();
    let mut next = [0, 0];
    for at in [0, 1] {
        // Not counted: everything warms up.
        round(&mut subjects[at], &mut publisher, &mut next[at]);
    }
    for pair in 0..PAIRS {
        for at in [pair % 2, 1 - pair % 2] {
            times[at].push(round(&mut subjects[at], &mut publisher, &mut next[at]));
        }
        alone.extend((0..50).map(|_| {
            thread::sleep(Duration::from_millis(20));
            millis(commits.commit())
        }));
    }
    let mut middle = Vec::new();
    for (subject, times) in subjects.iter().zip(&times) {
        let what = match subject.kind {
            Kind::Agent => "agent, committed before it is sent",
            Kind::Bare => "bare loop that posts by itself and stores nothing",
        };
        let all = || times.iter().flatten().copied();
        middle.push(quantile(all(), 0.5));
        println!(
            "latency at {RATE} messages/s at QoS 1 on {TOPICS} topics, {what}: p50 {:.3} ms, p99 {:.3} ms",
            quantile(all(), 0.5),
            quantile(all(), 0.99)
        );
    }
    let disk = quantile(alone.iter().copied(), 0.5);
    println!(
        "latency, a bare commit of {PAGES} pages on this disk: p50 {disk:.3} ms, p99 {:.3} ms; beyond it and the bare loop the agent takes {:.3} ms at p50",
        quantile(alone.iter().copied(), 0.99),
        middle[0] - middle[1] - disk
    );
    for (at, most) in [(0.5, 0.15), (0.99, 1.0)] {
        let of = |round: &Vec<f64>| quantile(round.iter().copied(), at);
        let pairs = times[0].iter().zip(&times[1]);
        let more = median(pairs.map(|(ours, bare)| of(ours) - of(bare)));
        goal(
            &format!(
                "p{:.0} beyond the bare loop's, median of {PAIRS} pairs, ms",
                at * 100.0
            ),
            more,
            more <= most,
            &format!("at most {most}"),
        );
    }
}

/// Milliseconds of each crossing.
fn round(subject: &mut Subject, publisher: &mut Publisher, next: &mut u64) -> Vec<f64> {
    let (begin, gap) = (Instant::now(), Duration::from_secs(1) / RATE as u32);
    let mut sent = Vec::with_capacity(ROUND / EVERY);
    // A machine's numbers are all odd in one second and all even in the next: up and down.
    for at in 0..ROUND {
        if at % RATE == 0 {
            *next += 1;
        }
        let value = match at % EVERY {
            0 => crossing(number(*next, at)),
            _ => "20.5".to_owned(),
        };
        let due = begin + gap * at as u32;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if at % EVERY == 0 {
            sent.push((number(*next, at), Instant::now()));
        }
        publisher.publish(subject.topic(at), &value, 1);
        publisher.flush();
    }
    let mut times = Vec::with_capacity(sent.len());
    for _ in 0..sent.len() {
        let arrival = subject.receiver.next();
        let at = sent.iter().find(|(number, _)| *number == arrival.number);
        let (_, at) = at.expect("what arrives was sent in this round");
        times.push(millis(arrival.at.duration_since(*at)));
    }
    times
}

/// Of a machine's crossing in a second of the run: no other has it, and it is as odd as the second.
fn number(second: u64, at: usize) -> u64 {
    let machine = (at % RATE / EVERY) as u64;
    let machines = (RATE / EVERY) as u64;
    1_000_000 + (second / 2 * machines + machine) * 2 + second % 2
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
