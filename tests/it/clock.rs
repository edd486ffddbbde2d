//! The wall clock jumps while the agent runs, as on gateways without a battery: no event fires for it, and none is hidden.
//!
//! libfaketime changes what the process reads as wall time and leaves its monotonic clocks alone.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::support::{Agent, Device, Receiver, cold_device, mill, text, to, too_hot, wait};

const TRIGGERED: &str = "alert.triggered mill-1/spindle-overtemp";
const RESOLVED: &str = "alert.resolved mill-1/spindle-overtemp";
const DELAY: Duration = Duration::from_secs(6);

/// What would be due at once if a duration ran on the wall clock.
const POLICY: &str = r#"
[[policy]]
id = "critical-15"
when = { severity = ["critical"] }
steps = [{ after = "15m", to = ["ops"] }]
"#;

#[test]
fn a_jump_forward_fires_nothing() {
    jump("+400d");
}

#[test]
fn a_jump_backward_hides_nothing() {
    jump("-2h");
}

fn jump(by: &str) {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let (mut agent, wall) = agent_with_wall_clock(&device, &receiver);
    set(&wall, "+0d");
    agent.run();
    agent.shows("20.0 °C", |view| {
        text(view, "/machines/0/tags/0/value").starts_with("20")
    });
    let before = text(&agent.status(), "/now").to_owned();

    // In the middle of an on-delay.
    let begin = wait::now();
    device.holding(100, 973);
    wait::pause(Duration::from_secs(1));
    set(&wall, by);
    // The jump itself, as the agent shows it, or this test would test nothing.
    agent.shows("another day", |view| {
        text(view, "/now").get(..13) != before.get(..13)
    });
    let early = DELAY.saturating_sub(begin.elapsed() + Duration::from_millis(500));
    wait::never(early, "the delay is not over", || {
        receiver.accepted().first().map(|one| one.body.clone())
    });
    let triggered = receiver.hears_within(Duration::from_secs(10), TRIGGERED);
    let took = triggered.at.duration_since(begin);
    assert!(took >= DELAY, "the on-delay was only {took:?}");
    assert_eq!(triggered.json()["late_seconds"], 0);

    // An escalation is running now, a resolution and blindness could be invented too.
    set(&wall, "+800d");
    wait::never(
        Duration::from_secs(3),
        "a jump is no reason for an event",
        || {
            let stories = receiver.stories();
            (stories.len() > 1).then(|| format!("{stories:?}"))
        },
    );
    device.holding(100, 200);
    let resolved = receiver
        .hears_within(Duration::from_secs(10), RESOLVED)
        .json();
    assert_eq!(resolved["alert"]["id"], triggered.json()["alert"]["id"]);
    agent.shows("that nothing waits", |view| view["store"]["pending"] == 0);
    let stories = receiver.stories();
    assert_eq!(stories, [TRIGGERED, RESOLVED]);
}

fn agent_with_wall_clock(device: &Device, receiver: &Receiver) -> (Agent, PathBuf) {
    let config = mill(device) + &to(receiver) + POLICY;
    let rule = too_hot(&format!("on_delay = \"{}s\"", DELAY.as_secs()));
    let mut agent = Agent::new(&config, &rule);
    let wall = with_wall_clock(&mut agent);
    (agent, wall)
}

/// Gives processes of this agent the wall clock that stands in this file.
pub(crate) fn with_wall_clock(agent: &mut Agent) -> PathBuf {
    let wall = agent.path("wall");
    agent.set("LD_PRELOAD", libfaketime());
    agent.set("FAKETIME_TIMESTAMP_FILE", wall.display().to_string());
    agent.set("FAKETIME_NO_CACHE", "1");
    agent.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    wall
}

/// The file is replaced at once, so that the agent never reads half of it.
pub(crate) fn set(wall: &Path, offset: &str) {
    let next = wall.with_extension("next");
    fs::write(&next, format!("{offset}\n")).expect("the offset");
    fs::rename(next, wall).expect("the offset");
}

fn libfaketime() -> String {
    let mut found = None;
    for folder in fs::read_dir("/usr/lib").expect("/usr/lib").flatten() {
        let library = folder.path().join("faketime/libfaketimeMT.so.1");
        if library.exists() {
            found = Some(library.display().to_string());
        }
    }
    found.expect("libfaketime is needed: apt-get install faketime")
}
