//! All destinations away for ten hours in which ten thousand events are decided, with the agent dying in between and while the
//! backlog drains.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use andon::{
    alert::plant::{
        Condition, Level, Machine, MachineIx, Plant, Rule, Severity, Source, SourceIx, Tag,
        TagKind, Times, Watch,
    },
    clock::Mono,
    delivery::{route::Routes, schedule::DestinationPlan},
    destination::{Late, Rate},
    sample::TagId,
    store::rows::DeliveryState,
};

use super::{
    act::{
        Act::{self, Crash, Good, Wait},
        Boot, Mode, Point,
    },
    check,
    scene::{DESTINATIONS, Scene, names, secs},
    shell::World,
};

const EVENTS: usize = 10_000;
const WATCHES: u8 = 100;
/// How many attempts may start in a minute, of each destination.
const RATES: [u32; 3] = [200, 120, 10];

/// A hundred machines with one watch each, and everything goes to everybody: in full, collapsed, and in digests.
fn scene() -> Scene {
    let rule = Arc::new(Rule {
        id: "temp".into(),
        levels: vec![Level {
            name: "hi".into(),
            condition: Condition::Above(85.0),
            on_delay: Duration::ZERO,
            severity: Severity::Error,
        }],
        deadband: 2.0,
        off_delay: Duration::ZERO,
        latched: false,
        message: "{value}, limit {limit}".into(),
        action: "Look.".into(),
        runbook: None,
    });
    let mut plant = Plant {
        site: "plant-7".into(),
        sources: vec![Source {
            name: "hall".into(),
            address: "10.0.0.1".into(),
        }],
        times: Times {
            reopen_within: secs(120),
            ..Times::default()
        },
        ..Plant::default()
    };
    for index in 0..u32::from(WATCHES) {
        plant.machines.push(Machine {
            id: format!("mill-{index}").into(),
            name: "Mill".into(),
            ..Machine::default()
        });
        plant.tags.push(Tag {
            kind: Arc::new(TagKind {
                name: "temp".into(),
                decimals: 1,
                stale_after: secs(10_000_000),
                ..TagKind::default()
            }),
            machine: MachineIx(index),
            source: SourceIx(0),
            modbus_unit: None,
        });
        plant.watches.push(Watch {
            rule: Arc::clone(&rule),
            machine: MachineIx(index),
            tag: TagId(index),
        });
    }
    let plant = Arc::new(plant);
    let late = [Late::Send, Late::Collapse, Late::Digest];
    let plan = |at: usize| DestinationPlan {
        rate: Some(Rate {
            count: RATES[at],
            per: secs(60),
        }),
        late: late[at],
        catch_up: catch_up(at),
        call_every: Duration::ZERO,
        ..DestinationPlan::new(DESTINATIONS[at])
    };
    Scene {
        plants: [(); 3].map(|()| Arc::clone(&plant)),
        routes: Routes {
            default: Some(names(&DESTINATIONS)),
            all: names(&DESTINATIONS),
            ..Routes::default()
        },
        plans: (0..DESTINATIONS.len()).map(plan).collect(),
        groups: Vec::new(),
    }
}

/// How long after the return of this destination its backlog may begin: another time at each, as at each site.
fn catch_up(at: usize) -> Duration {
    secs(5 + 7 * at as u64)
}

/// Each watch comes and goes every six minutes, one event every 3.5 seconds: with the end of it ten hours.
fn happens() -> Vec<Act> {
    let mut acts = Vec::new();
    for event in 0..EVENTS {
        let watch = (event % usize::from(WATCHES)) as u8;
        let comes = (event / usize::from(WATCHES)).is_multiple_of(2);
        acts.push(Good(watch, if comes { 100.0 } else { 0.0 }));
        acts.push(Wait(3 + event as u64 % 2));
        match event {
            // The gateway keeps its clock, loses it for a moment, and the agent dies where nobody knows of a commit.
            3_000 => acts.push(Crash(Point::Now, Boot::Same, 30)),
            5_000 => acts.push(Crash(Point::BeforeHandOver, Boot::OtherSynchronised, 60)),
            7_000 => acts.push(Crash(Point::BeforeSettle, Boot::Same, 5)),
            _ => {}
        }
    }
    acts.push(Wait(1_000));
    acts
}

#[test]
fn ten_hours_without_any_destination_lose_nothing_and_end_at_the_rate_of_each() {
    let scene = scene();
    let mut world = World::new(&scene, 7);
    let begin = world.now.wall;
    world.modes = [Mode::Unreachable; 3];
    world.play(&happens());
    assert!(world.now.wall.since(begin) >= secs(10 * 3600));
    assert_eq!(world.disk.events.len(), EVENTS);
    let waits = |world: &World<'_>| {
        let status = world.run.schedule.statuses();
        status.map(|status| status.queued).collect::<Vec<_>>()
    };
    let [boss, ops, pager] = waits(&world)[..] else {
        panic!("three destinations")
    };
    assert_eq!((boss, ops), (EVENTS, EVENTS), "all of it waits");
    // The first alert of a lane that was probed is collapsed already.
    assert!((EVENTS - 250..=EVENTS).contains(&pager), "{pager}");
    let probes: usize = world.starts.values().map(Vec::len).sum();
    assert!(probes < 3 * 400, "{probes} probes in ten hours");

    // They are back, and the agent is killed while it drains, twice, once with the power.
    world.modes = [Mode::Accept; 3];
    let returned = world.now.mono;
    world.play(&[Wait(900)]);
    let after_return: Vec<_> = DESTINATIONS.map(|name| world.starts[name].clone()).into();
    world.play(&[
        Crash(Point::Now, Boot::Same, 20),
        Wait(600),
        Crash(Point::AfterSettle, Boot::OtherSynchronised, 120),
    ]);
    let left = waits(&world);
    assert!(left.iter().any(|left| *left > EVENTS / 4), "{left:?}");
    world.heal();
    assert_eq!(waits(&world), [0; 3]);
    assert_eq!(check::promises(&world), Ok(()));

    // In full: each event once, but for what was in flight when the agent died.
    let heard =
        |name: &str| -> BTreeSet<i64> { world.heard[name].iter().map(|heard| heard.row).collect() };
    assert_eq!(heard("ops").len(), EVENTS);
    assert!(world.heard["ops"].len() <= EVENTS + 2 * 4);
    assert_eq!(heard("boss").len(), EVENTS, "a digest leaves nothing out");
    assert!(world.starts["boss"].len() < probes + 2 * EVENTS / 100);
    // Collapsed: the end of each alert, and not how it began.
    let pager = world
        .disk
        .rows
        .iter()
        .filter(|row| row.destination == "pager");
    for row in pager {
        let is_latest = row.kind == "resolved";
        let expected = match is_latest {
            true => DeliveryState::Accepted,
            false => DeliveryState::Superseded,
        };
        // The very first is a probe, and the trigger that it carried was told as it was.
        assert!(
            row.state == expected || heard("pager").contains(&row.id),
            "{row:?}"
        );
    }
    assert!(heard("pager").len() <= EVENTS / 2 + 2);

    for (at, name) in DESTINATIONS.iter().enumerate() {
        keeps_its_rate(&world.starts[name], RATES[at]);
        waits_for_its_turn(&after_return[at], returned, catch_up(at));
    }
}

/// A full bucket and what comes back in the time, as long as the agent runs.
fn keeps_its_rate(starts: &[(u32, Mono)], rate: u32) {
    let mut first = 0;
    for (last, (run, at)) in starts.iter().enumerate() {
        while starts[first].0 != *run || starts[first].1 + secs(60) <= *at {
            first += 1;
        }
        let within = last - first + 1;
        assert!(within < 2 * rate as usize, "{within} in a minute");
    }
}

/// The first attempt after the return is a probe, and nothing follows it before the site's own time has passed.
fn waits_for_its_turn(starts: &[(u32, Mono)], returned: Mono, catch_up: Duration) {
    let mut since = starts.iter().filter(|(_, at)| *at >= returned);
    let (probe, next) = (since.next(), since.next());
    let (probe, next) = probe.zip(next).expect("the backlog goes out");
    let gap = next.1.since(probe.1);
    let most = catch_up + secs(1);
    assert!((catch_up..most).contains(&gap), "{gap:?}, not {catch_up:?}");
}
