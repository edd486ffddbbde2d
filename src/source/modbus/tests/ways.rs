//! The way to a device, in stopped time: the pause after a connect, the gap between requests, and how the first address is gone back to from its backup.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    hostile::{Asked, Framing, Hostile, Manner},
    line::now,
    link::{right, span},
    running::{Running, right as reading, unit},
};
use crate::clock::Clock;
use crate::source::modbus::{
    address::Address,
    link::{Link, LinkSettings, Memory},
    plan::Kind,
};

const TIMEOUT: Duration = Duration::from_millis(300);

fn settings(address: &str) -> LinkSettings {
    LinkSettings::new(Address::parse(address).unwrap(), TIMEOUT)
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_before_the_pause_after_a_connect_has_passed() {
    const PAUSE: Duration = Duration::from_secs(2);
    for (framing, address) in [
        (Framing::Tcp, "tcp://device"),
        (Framing::Rtu, "rtu+tcp://device:1"),
    ] {
        let (asked, connected) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None)));
        let log = asked.clone();
        let hostile = Hostile::new(framing, false, move |_| {
            *log.lock().unwrap() = Some(now());
            Manner::Hangup
        });
        let (device, log) = (hostile.memory(), connected.clone());
        let mut settings = settings(address);
        settings.connect_pause = PAUSE;
        settings.memory = Some(Memory::leading(move |to| {
            *log.lock().unwrap() = Some(now());
            device.connect(to)
        }));
        let mut link = Link::new(settings);
        let span = span(Kind::Holding, 5, 1);
        // It hangs up after each answer, so that each read has a connection of its own.
        for read in 1..=3 {
            assert_eq!(link.read(1, span).await.unwrap(), right(1, span));
            tokio::time::sleep(Duration::from_millis(1)).await;
            let since: Instant = connected.lock().unwrap().unwrap();
            let after = asked.lock().unwrap().unwrap().duration_since(since);
            assert!(after >= PAUSE, "{address} was asked after {after:?}");
            assert!(
                after < PAUSE + Duration::from_millis(20),
                "{address} was asked as late as after {after:?}"
            );
            assert_eq!(hostile.connected(), read, "{address}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn requests_stand_as_far_apart_as_the_device_needs() {
    const GAP: Duration = Duration::from_millis(100);
    for (framing, address) in [
        (Framing::Tcp, "tcp://device"),
        (Framing::Rtu, "rtu+tcp://device:1"),
    ] {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let hostile = Hostile::new(framing, false, move |asked: Asked| {
            log.lock().unwrap().push(now());
            match asked.nth {
                // The next one is asked over a new connection.
                3 => Manner::Hangup,
                _ => Manner::Late(10),
            }
        });
        let mut settings = settings(address);
        settings.request_gap = GAP;
        settings.memory = Some(hostile.memory());
        let mut link = Link::new(settings);
        let span = span(Kind::Holding, 5, 1);
        for unit in [1, 1, 2, 2, 3, 3] {
            assert_eq!(link.read(unit, span).await.unwrap(), right(unit, span));
        }
        let asked = asked.lock().unwrap();
        let apart: Vec<Duration> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(apart.len(), 5);
        assert!(
            apart.iter().all(|apart| *apart >= GAP),
            "{address}: {apart:?}"
        );
        assert!(apart[0] < GAP * 3 / 2, "{address}: {apart:?}");
    }
}

/// Two devices, of which those that are there are connected to by their addresses: `tcp://first`, `tcp://second`.
fn first_and_second(devices: &[Memory; 2], there: &Arc<Mutex<[bool; 2]>>) -> LinkSettings {
    let (devices, there) = (devices.clone(), there.clone());
    let mut settings = settings("tcp://first");
    settings.backup = Some(Address::parse("tcp://second").unwrap());
    settings.memory = Some(Memory::leading(move |to| {
        let at = usize::from(to.peer().is_some_and(|(host, _)| host == "second"));
        match there.lock().unwrap()[at] {
            true => devices[at].connect(to),
            false => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }));
    settings
}

#[tokio::test(start_paused = true)]
async fn the_first_address_is_gone_back_to_within_a_minute_after_it_is_there_and_no_reading_is_lost()
 {
    let device = || Hostile::new(Framing::Tcp, false, |_| Manner::Proper);
    let (first, second) = (device(), device());
    let there = Arc::new(Mutex::new([false, true]));
    let settings = first_and_second(&[first.memory(), second.memory()], &there);
    let units = vec![unit(1, 1000, &[7]), unit(2, 1000, &[7])];
    let mut poller = Running::with(settings, Clock::of_tokio(), units);
    let both = [("m1/7", reading(1, 7)), ("m2/7", reading(2, 7))];
    let second_only = |poller: &Running| {
        assert!(both.iter().all(|(tag, good)| poller.last[*tag] == *good));
        first.asked() == 0
    };
    poller.until(&both).await;
    let begin = now();
    while now() < begin + Duration::from_secs(150) {
        poller.next().await;
        assert!(second_only(&poller));
    }
    assert_eq!(second.connected(), 1, "looking elsewhere disturbs nothing");

    *there.lock().unwrap() = [true, true];
    let begin = now();
    while second_only(&poller) {
        poller.next().await;
        assert!(
            now() < begin + Duration::from_secs(62),
            "still at the backup"
        );
    }
    let asked = second.asked();
    for _ in 0..10 {
        poller.next().await;
        assert!(both.iter().all(|(tag, good)| poller.last[*tag] == *good));
    }
    assert_eq!(second.asked(), asked, "the backup is left alone");
    assert_eq!((first.connected(), second.connected()), (1, 1));
}
