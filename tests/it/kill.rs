//! kill -9 at random moments: nothing that was decided is lost, and a repeat can be recognised.
//!
//! What should have been decided is not taken from the agent's own word alone: the broker keeps every message until the agent
//! has acknowledged it, and the agent may do so only after its commit, so every crossing that was published must arrive.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;

use crate::{
    pipeline::heard,
    support::{
        Agent, Answer, Broker, Received, Receiver, long, publishers, text, to, too_hot, wait,
    },
};

/// How many machines cross their limit in each round.
const EACH_ROUND: usize = 2;

#[test]
fn kills_lose_nothing_and_repeats_are_recognisable() {
    let rounds = if long() { 500 } else { 50 };
    let seed = std::env::var("ANDON_SEED").map_or_else(
        |_| fastrand::u64(..),
        |seed| seed.parse().expect("ANDON_SEED is a number"),
    );
    println!("ANDON_SEED={seed} repeats these moments");
    let mut random = fastrand::Rng::with_seed(seed);

    let machines = rounds * EACH_ROUND;
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let config = publishers(&broker, machines) + &to(&receiver);
    let mut agent = Agent::start(&config, &too_hot(""));
    heard(&agent, &broker, "m-1");
    receiver.answer_each(|number| match number % 7 {
        2 => Answer::Status(500),
        4 => Answer::Cut,
        _ => Answer::Accept,
    });
    for round in 0..rounds {
        if round > 0 {
            agent.spawn();
        }
        for machine in round * EACH_ROUND + 1..=(round + 1) * EACH_ROUND {
            broker.publish(&format!("plant/m-{machine}/temp"), "97.3");
        }
        // The machines of two rounds ago are well again.
        if let Some(earlier) = round.checked_sub(2) {
            for machine in earlier * EACH_ROUND + 1..=(earlier + 1) * EACH_ROUND {
                broker.publish(&format!("plant/m-{machine}/temp"), "20");
            }
        }
        wait::pause(Duration::from_millis(random.u64(5..600)));
        assert!(agent.is_running(), "it ended on its own in round {round}");
        agent.kill();
    }

    // The healing: from here on everything works, and everything must drain.
    receiver.answer(Answer::Accept);
    agent.run();
    let well = (rounds - 2) * EACH_ROUND;
    let expected: BTreeSet<String> = (1..=machines)
        .map(|n| format!("alert.triggered m-{n}/spindle-overtemp"))
        .chain((1..=well).map(|n| format!("alert.resolved m-{n}/spindle-overtemp")))
        .collect();
    let limit = Duration::from_secs(if long() { 1200 } else { 180 });
    let begin = wait::now();
    loop {
        let stories: BTreeSet<String> = receiver.stories().into_iter().collect();
        let missing: Vec<_> = expected.difference(&stories).collect();
        if missing.is_empty() && agent.status()["store"]["pending"] == 0 {
            break;
        }
        assert!(
            begin.elapsed() < limit,
            "lost, or not drained in {limit:?}: {missing:?}"
        );
        wait::pause(Duration::from_millis(200));
    }
    let known: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let strange = receiver.stories();
    let strange = strange.iter().find(|story| {
        // Messages that were not acknowledged come again, so a watch may go through its states again. What the agent says
        // about itself, such as a destination that fails, is its own matter.
        let again = story.starts_with("alert.reopened m-") || story.contains(" andon/");
        !again && !known.contains(story.as_str())
    });
    assert_eq!(strange, None, "nobody decided this");

    let all = receiver.all();
    repeats_are_equal(&all);
    nothing_is_missing_in_the_sequence(&receiver.accepted());
    lanes_are_in_order(&all);
    what_the_agent_knows_was_heard(&agent, &receiver.accepted());
}

/// Two requests with the same id say the same, apart from what belongs to the attempt.
fn repeats_are_equal(all: &[Received]) {
    const OF_THE_ATTEMPT: [&str; 4] = ["late_seconds", "already_resolved", "given_up", "text"];
    let mut first: BTreeMap<&str, Value> = BTreeMap::new();
    let mut repeats = 0;
    for request in all {
        let mut body = request.json();
        for key in OF_THE_ATTEMPT {
            body.as_object_mut().expect("an object").remove(key);
        }
        assert_eq!(text(&body, "/id"), request.id());
        match first.get(request.id()) {
            Some(before) => {
                assert_eq!(*before, body, "a repeat says something else");
                repeats += 1;
            }
            None => {
                first.insert(request.id(), body);
            }
        }
    }
    assert!(
        repeats > 0,
        "the receiver failed often, and nothing was repeated"
    );
}

/// A receiver that holds each number as received or given up misses nothing.
fn nothing_is_missing_in_the_sequence(accepted: &[Received]) {
    let mut held: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for request in accepted {
        let body = request.json();
        let numbers = held.entry(text(&body, "/stream").to_owned()).or_default();
        numbers.insert(body["sequence"].as_u64().expect("a number"));
        for range in body["given_up"].as_array().into_iter().flatten() {
            let end = |name: &str| range[name].as_u64().expect("a number");
            numbers.extend(end("from")..=end("to"));
        }
    }
    assert_eq!(
        held.len(),
        1,
        "one database is one stream: {:?}",
        held.keys()
    );
    for (stream, numbers) in held {
        let last = numbers.last().copied().unwrap_or_default();
        let missing: Vec<u64> = (1..=last).filter(|n| !numbers.contains(n)).collect();
        assert!(missing.is_empty(), "missing of {stream}: {missing:?}");
    }
}

/// No event is attempted before the one before it in its lane was accepted.
fn lanes_are_in_order(all: &[Received]) {
    let mut lanes: BTreeMap<String, (u64, bool)> = BTreeMap::new();
    for request in all {
        let body = request.json();
        let sequence = body["sequence"].as_u64().expect("a number");
        let accepted = request.answer == Answer::Accept;
        let lane = text(&body, "/dedup_key").to_owned();
        let (last, was_accepted) = lanes.entry(lane.clone()).or_insert((0, true));
        if sequence > *last {
            assert!(
                *was_accepted,
                "{sequence} overtook {last} in the lane {lane}"
            );
            (*last, *was_accepted) = (sequence, accepted);
        } else if sequence == *last {
            *was_accepted |= accepted;
        } else {
            panic!("{sequence} came after {last} in the lane {lane}");
        }
    }
}

/// Every alert that the agent remembers was heard, and its end too.
fn what_the_agent_knows_was_heard(agent: &Agent, accepted: &[Received]) {
    let mut heard: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for request in accepted {
        let body = request.json();
        let sequence = body["sequence"].as_u64().expect("a number");
        let state = text(&body, "/alert/state").to_owned();
        let last = heard.entry(text(&body, "/alert/id").to_owned());
        let last = last.or_insert_with(|| (sequence, state.clone()));
        if sequence > last.0 {
            *last = (sequence, state);
        }
    }
    let alerts = agent.json("alerts", &["--all", "--json"]);
    let alerts = alerts.as_array().expect("a list");
    assert!(!alerts.is_empty());
    for alert in alerts.iter().filter(|alert| alert["machine"] != "andon") {
        let (_, state) = heard
            .get(text(alert, "/id"))
            .unwrap_or_else(|| panic!("never heard of {alert:#}"));
        assert_eq!(state, text(alert, "/state"), "{alert:#}");
    }
}
