//! The network is down, or the receiver is broken: everything waits, nothing is lost, order is kept, others are not delayed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    pipeline::heard,
    support::{
        Agent, Answer, Broker, Received, Receiver, cold_device, destination, mill, publishers,
        signatures, text, to, too_hot, wait,
    },
};

const MACHINES: usize = 20;
const TRIGGERED: &str = "alert.triggered mill-1/spindle-overtemp";

#[test]
fn what_was_decided_offline_arrives_in_order_when_the_receiver_is_back() {
    let (broker, mut receiver) = (Broker::start(), Receiver::closed());
    let config = publishers(&broker, MACHINES) + &to(&receiver);
    let mut agent = Agent::start(&config, &too_hot(""));
    heard(&agent, &broker, "m-1");
    for value in ["97.3", "20", "98.1"] {
        for machine in 1..=MACHINES {
            broker.publish(&format!("plant/m-{machine}/temp"), value);
        }
    }
    let owed = 3 * MACHINES as u64;
    let all_wait = |view: &serde_json::Value| view["store"]["pending"].as_u64() >= Some(owed);
    agent.shows("that 60 deliveries wait", all_wait);
    // A power cut in the middle of the outage changes nothing.
    agent.kill();
    agent.run();
    agent.shows("that they still wait", all_wait);

    receiver.open();
    let limit = Duration::from_secs(180);
    wait::within(limit, "every event arrives", || {
        (ids(&of_machines(&receiver)).len() as u64 == owed).then_some(())
    });
    agent.shows("that nothing waits", |view| view["store"]["pending"] == 0);

    let mut by_key: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    for request in of_machines(&receiver) {
        let body = request.json();
        let sequence = body["sequence"].as_u64().expect("a number");
        let heard = by_key.entry(text(&body, "/dedup_key").to_owned());
        let heard = heard.or_default();
        // A repeat after the kill is allowed, a step back is not.
        if heard.last().is_none_or(|(_, last)| *last != sequence) {
            heard.push((text(&body, "/event").to_owned(), sequence));
        }
    }
    assert_eq!(by_key.len(), MACHINES);
    for (key, heard) in by_key {
        let events: Vec<&str> = heard.iter().map(|(event, _)| event.as_str()).collect();
        assert_eq!(
            events,
            ["alert.triggered", "alert.resolved", "alert.reopened"],
            "{key}"
        );
        assert!(
            heard.is_sorted_by_key(|(_, sequence)| *sequence),
            "{heard:?}"
        );
    }
    signatures::verify(&receiver.all());
}

#[test]
fn a_receiver_that_asks_for_time_gets_it_and_the_same_event_again() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    receiver.answer_each(|number| match number {
        0 => Answer::Status(500),
        1 => Answer::Later(4),
        2 => Answer::Cut,
        _ => Answer::Accept,
    });
    let _agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    device.holding(100, 973);
    receiver.hears(TRIGGERED);
    let attempts = receiver.all();
    assert_eq!(attempts.len(), 4, "{attempts:?}");
    assert_eq!(ids(&attempts).len(), 1, "one event has one id");
    let pause = attempts[2].at.duration_since(attempts[1].at);
    assert!(
        pause >= Duration::from_secs(4),
        "it was given only {pause:?}"
    );
    let stamps: BTreeSet<&String> = attempts
        .iter()
        .map(|attempt| &attempt.headers["webhook-timestamp"])
        .collect();
    assert!(
        stamps.len() > 1,
        "every attempt is signed afresh: {stamps:?}"
    );
    signatures::verify(&attempts);
}

#[test]
fn a_receiver_that_hangs_delays_no_other() {
    let (mut device, hanging, healthy) = (cold_device(), Receiver::start(), Receiver::start());
    hanging.answer(Answer::Hang);
    let route = "\n[[route]]\ndefault = true\nto = [\"stuck\", \"ops\"]\n";
    let config = mill(&device)
        + &destination("stuck", &hanging, "timeout = \"2s\"")
        + &destination("ops", &healthy, "")
        + route;
    let agent = Agent::start(&config, &too_hot(""));
    device.holding(100, 973);
    let begin = wait::now();
    healthy.hears(TRIGGERED);
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    // More than one attempt: the hanging one was given up and is tried again.
    wait::until("a second attempt", || {
        (hanging.all().len() > 1).then_some(())
    });
    let view = agent.status();
    let state = |name: &str| {
        let all = view["destinations"].as_array().into_iter().flatten();
        let mut named = all.filter(|one| text(one, "/name") == name);
        named
            .next()
            .map_or("", |one| text(one, "/state"))
            .to_owned()
    };
    assert_eq!(state("ops"), "ok", "{view:#}");
    assert_ne!(state("stuck"), "ok", "{view:#}");
    hanging.answer(Answer::Accept);
    hanging.hears_within(Duration::from_secs(60), TRIGGERED);
}

#[test]
fn others_are_told_once_in_place_of_one_that_does_not_accept_and_hear_the_end() {
    let (mut device, pager, sms) = (cold_device(), Receiver::start(), Receiver::start());
    pager.answer(Answer::Status(500));
    let config = mill(&device)
        + &destination(
            "pager",
            &pager,
            "fallback = [\"sms\"]\nfallback_after = \"10s\"",
        )
        + &destination("sms", &sms, "")
        + "\n[[route]]\nwhen = { class = [\"cnc-mill\"] }\nto = [\"pager\"]\n\n[[route]]\ndefault = true\nto = []\n";
    let mut agent = Agent::start(&config, &too_hot(""));
    let begin = wait::now();
    device.holding(100, 973);
    sms.hears_within(Duration::from_secs(60), TRIGGERED);
    let took = begin.elapsed();
    assert!(took >= Duration::from_secs(10), "already after {took:?}");
    // It is remembered over a restart.
    agent.kill();
    agent.run();
    pager.answer(Answer::Accept);
    pager.hears_within(Duration::from_secs(60), TRIGGERED);
    device.holding(100, 200);
    sms.hears_within(
        Duration::from_secs(60),
        "alert.resolved mill-1/spindle-overtemp",
    );
    // What was accepted a moment before the kill may come again, under the id that it had.
    let all = sms.all();
    let told = all.iter().filter(|one| one.story().contains(" mill-1/"));
    let told: BTreeSet<&str> = told.map(Received::id).collect();
    assert_eq!(told.len(), 2, "{:?}", sms.stories());
    wait::until("nothing waits", || {
        (agent.status()["store"]["pending"] == 0).then_some(())
    });
    let report = agent.json("verify", &["--json"]);
    assert_eq!(report["fine"], true, "{report:#}");
}

#[test]
fn nobody_is_told_in_place_of_another_about_what_somebody_has_taken() {
    let (mut device, pager, sms) = (cold_device(), Receiver::start(), Receiver::start());
    pager.answer(Answer::Status(500));
    let config = mill(&device)
        + &destination(
            "pager",
            &pager,
            "fallback = [\"sms\"]\nfallback_after = \"10s\"",
        )
        + &destination("sms", &sms, "")
        + "\n[[route]]\nwhen = { class = [\"cnc-mill\"] }\nto = [\"pager\"]\n\n[[route]]\ndefault = true\nto = []\n";
    let agent = Agent::start(&config, &too_hot(""));
    device.holding(100, 973);
    wait::until("an attempt", || (!pager.all().is_empty()).then_some(()));
    let begin = wait::now();
    let acknowledged = agent.verb("ack", &["A-1"]);
    assert!(acknowledged.status.success(), "{acknowledged:?}");
    wait::within(Duration::from_secs(60), "the time to be over", || {
        (begin.elapsed() > Duration::from_secs(12)).then_some(())
    });
    assert_eq!(sms.all().len(), 0, "{:?}", sms.stories());
}

/// What was accepted about machines; what the agent says about itself, such as that a receiver is down, is beside the point.
fn of_machines(receiver: &Receiver) -> Vec<Received> {
    let mut accepted = receiver.accepted();
    accepted.retain(|request| request.story().contains(" m-"));
    accepted
}

fn ids(requests: &[Received]) -> BTreeSet<String> {
    requests.iter().map(|one| one.id().to_owned()).collect()
}
