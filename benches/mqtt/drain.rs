//! How fast what has waited at the broker is taken after a connect, and what it costs.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    INFLIGHT, PAIRS, Qos, TOPICS,
    broker::Broker,
    goal, median,
    subject::Subject,
    wire::{self, Publisher},
};

pub fn drain() {
    // mosquitto's default of max_inflight_messages, and the agent's of `max_unacked`.
    backlog(Qos::Zero, INFLIGHT, 200_000);
    backlog(Qos::One, 20, 50_000);
    backlog(Qos::One, INFLIGHT, 50_000);
}

/// Messages in a second, and processor time of each in microseconds.
type Taken = (f64, f64);

fn backlog(qos: Qos, inflight: u16, messages: usize) {
    let broker = Broker::start(inflight);
    let mut publisher = Publisher::connect(broker.port());
    let mut subjects = Subject::pair(TOPICS, qos, &broker, &mut publisher);
    subjects.iter_mut().for_each(Subject::kill);
    let mut taken = [Vec::new(), Vec::new()];
    let mut others = Vec::new();
    let mut dropped = 0;
    for pair in 0..PAIRS {
        for at in [pair % 2, 1 - pair % 2] {
            let subject = &mut subjects[at];
            taken[at].push(take(subject, &mut publisher, messages));
            dropped += usize::from(subject.has_dropped());
        }
        others.push(mosquitto_sub(&broker, &mut publisher, qos, messages));
    }
    let of = |rounds: &[Taken], figure: fn(&Taken) -> f64| median(rounds.iter().map(figure));
    let ratio = |figure: fn(&Taken) -> f64| {
        let pairs = taken[0].iter().zip(&taken[1]);
        median(pairs.map(|(ours, bare)| figure(ours) / figure(bare)))
    };
    let (rate, cost) = (|one: &Taken| one.0, |one: &Taken| one.1);
    println!(
        "drain, {messages} messages at QoS {} that wait, max_inflight_messages {inflight}, median of {PAIRS} pairs: agent {:.0} messages/s at {:.1} us of processor time, \
         bare loop {:.0} at {:.1} us, ratios {:.3} and {:.3}; mosquitto_sub {:.0} at {:.1} us",
        qos as u8,
        of(&taken[0], rate),
        of(&taken[0], cost),
        of(&taken[1], rate),
        of(&taken[1], cost),
        ratio(rate),
        ratio(cost),
        of(&others, rate),
        of(&others, cost),
    );
    if dropped > 0 {
        println!("  the agent dropped messages in {dropped} rounds: the figures are not its own");
    }
    let rate = ratio(rate);
    goal(
        "drain rate beside the bare loop",
        rate,
        rate >= 0.75,
        "at least 0.75",
    );
    let cost = ratio(cost);
    goal(
        "processor time of a message beside the bare loop",
        cost,
        cost <= 1.5,
        "at most 1.5",
    );
}

/// One round: the messages wait before the process starts.
fn take(subject: &mut Subject, publisher: &mut Publisher, messages: usize) -> Taken {
    subject.leave_session();
    let word = |at| subject.topic(at).to_owned();
    let topics: Vec<String> = (0..TOPICS).map(word).collect();
    let first = subject.publish_mark(publisher);
    publish(publisher, &topics, messages, subject.qos);
    publisher.settle();
    subject.start();
    let begin = subject.receiver.wait_for(first).at;
    let before = subject.work();
    // Published only now: mosquitto leaves a message at QoS 1 where it is if it has waited behind many at QoS 0.
    let end = subject.mark(publisher).at;
    let worked = subject.work().since(&before);
    subject.kill();
    figures(messages, end.duration_since(begin), worked)
}

/// mosquitto's own client, which says nothing but ends after so many messages; its start is in its time.
fn mosquitto_sub(broker: &Broker, publisher: &mut Publisher, qos: Qos, messages: usize) -> Taken {
    const CLIENT: &str = "measured-sub";
    let (port, qos_word) = (broker.port(), (qos as u8).to_string());
    wire::prepare(port, CLIENT, &[("sub/+/temp", qos as u8)]);
    let topics: Vec<String> = (0..TOPICS).map(|n| format!("sub/m-{n}/temp")).collect();
    publish(publisher, &topics, messages, qos);
    publisher.settle();
    let begin = Instant::now();
    let mut child = Command::new("mosquitto_sub")
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(["-i", CLIENT, "-c", "-q", &qos_word, "-t", "sub/+/temp"])
        .args(["-C", &messages.to_string()])
        .stdout(Stdio::null())
        .spawn()
        .expect("mosquitto_sub is needed: apt-get install mosquitto-clients");
    // Ended and not yet collected, its times are still there.
    let stat = format!("/proc/{}/stat", child.id());
    let (ticks, end) = loop {
        let text = fs::read_to_string(&stat).expect("a child");
        let fields: Vec<&str> = text[text.rfind(')').expect("a name")..]
            .split(' ')
            .collect();
        if fields[1] == "Z" {
            let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
            // Fields 14 and 15 of proc(5), in hundredths of a second.
            break (ticks(12) + ticks(13), Instant::now());
        }
        thread::sleep(Duration::from_millis(1));
    };
    child.wait().expect("a child");
    let worked = Duration::from_secs_f64(ticks / 100.0);
    figures(messages, end.duration_since(begin), worked)
}

fn publish(publisher: &mut Publisher, topics: &[String], messages: usize, qos: Qos) {
    for at in 0..messages {
        let value = if at % 2 == 0 { "20.5" } else { "21.5" };
        publisher.publish(&topics[at % topics.len()], value, qos as u8);
    }
    publisher.flush();
}

fn figures(messages: usize, took: Duration, worked: Duration) -> Taken {
    let messages = messages as f64;
    (
        messages / took.as_secs_f64(),
        worked.as_secs_f64() * 1e6 / messages,
    )
}
