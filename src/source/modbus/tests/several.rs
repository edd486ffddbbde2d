//! Several connections to one device, in stopped time: how many there are, who is asked over which, and a device that serves fewer.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    hostile::{Asked, Framing, Hostile, Manner},
    line::now,
    running::{Running, right, unit},
};
use crate::{
    clock::Clock,
    sample::{Bad, Reading},
    source::modbus::{
        LinkSettings,
        address::Address,
        link::{Memory, Stream},
    },
};

const TIMEOUT: Duration = Duration::from_millis(300);
const SECOND: Duration = Duration::from_secs(1);
const SILENT: Reading = Reading::Bad(Bad::NoAnswer);

/// Which connections are open, the oldest first.
type Open = Arc<Mutex<Vec<usize>>>;

/// A connection, its number, and those that are open.
#[derive(Debug)]
struct Counted(Box<dyn Stream>, usize, Open);

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.2.lock().unwrap();
        open.retain(|number| *number != self.1);
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// What a device does about a connection beyond those that it serves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Beyond {
    Refuses,
    HangsUp,
    NeverAnswers,
    /// And serves the new one.
    EndsTheOldest,
}

/// A device that serves some connections at once, and what was seen of it.
struct Device {
    hostile: Hostile,
    served: Arc<AtomicUsize>,
    open: Open,
    most_open: Arc<AtomicUsize>,
    /// Unit, connection, and when it was asked.
    asked: Arc<Mutex<Vec<(u8, usize, tokio::time::Instant)>>>,
}

impl Device {
    /// Units in `dead` never answer.
    fn new(served: usize, beyond: Beyond, dead: &Arc<Mutex<BTreeSet<u8>>>) -> (Self, Memory) {
        let (asked, log) = (Arc::new(Mutex::new(Vec::new())), Arc::clone(dead));
        let unserved = Arc::new(Mutex::new(BTreeSet::new()));
        let (noted, turned_away) = (Arc::clone(&asked), Arc::clone(&unserved));
        let hostile = Hostile::new(Framing::Tcp, false, move |ask: Asked| {
            if turned_away.lock().unwrap().contains(&ask.connection) {
                return match beyond {
                    Beyond::NeverAnswers => Manner::Never,
                    _ => Manner::Reset,
                };
            }
            noted
                .lock()
                .unwrap()
                .push((ask.unit, ask.connection, now()));
            match log.lock().unwrap().contains(&ask.unit) {
                true => Manner::Never,
                false => Manner::Late(5),
            }
        });
        let device = Self {
            served: Arc::new(AtomicUsize::new(served)),
            open: Arc::default(),
            most_open: Arc::default(),
            asked,
            hostile,
        };
        let (way, end) = (device.hostile.memory(), device.hostile.ending());
        let (served, open) = (Arc::clone(&device.served), Arc::clone(&device.open));
        let (most, made) = (Arc::clone(&device.most_open), AtomicUsize::new(0));
        let memory = Memory::leading(move |to| {
            let mut all = open.lock().unwrap();
            let full = all.len() >= served.load(Ordering::SeqCst);
            match beyond {
                Beyond::Refuses if full => return Err(io::ErrorKind::ConnectionRefused.into()),
                Beyond::EndsTheOldest if full => end(all.remove(0)),
                _ => {}
            }
            let number = made.fetch_add(1, Ordering::SeqCst);
            if full && beyond != Beyond::EndsTheOldest {
                unserved.lock().unwrap().insert(number);
            }
            let stream = way.connect(to)?;
            all.push(number);
            most.fetch_max(all.len(), Ordering::SeqCst);
            Ok(Box::new(Counted(stream, number, Arc::clone(&open))))
        });
        (device, memory)
    }

    /// What was asked since it was looked at last.
    fn asked(&self) -> Vec<(u8, usize, tokio::time::Instant)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn most_open(&self) -> usize {
        self.most_open.load(Ordering::SeqCst)
    }
}

fn running(memory: Memory, connections: usize, units: u8) -> Running {
    polled_each(SECOND, memory, connections, units)
}

fn polled_each(poll: Duration, memory: Memory, connections: usize, units: u8) -> Running {
    let mut settings = LinkSettings::new(Address::parse("tcp://device").unwrap(), TIMEOUT);
    settings.memory = Some(memory);
    settings.max_connections = connections;
    let millis = u64::try_from(poll.as_millis()).unwrap();
    let units = (1..=units).map(|id| unit(id, millis, &[7])).collect();
    Running::with(settings, Clock::of_tokio(), units)
}

fn good(units: impl IntoIterator<Item = u8>) -> Vec<(String, Reading)> {
    let reading = |id| (format!("m{id}/7"), right(id, 7));
    units.into_iter().map(reading).collect()
}

fn each(readings: &[(String, Reading)]) -> Vec<(&str, Reading)> {
    let readings = readings.iter();
    readings
        .map(|(tag, reading)| (tag.as_str(), *reading))
        .collect()
}

async fn listen(poller: &mut Running, time: Duration) {
    let end = now() + time;
    while now() < end {
        let _ = tokio::time::timeout(SECOND * 20, poller.drain.recv()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_unit_costs_only_those_on_its_own_connection() {
    let dead = Arc::new(Mutex::new(BTreeSet::from([3])));
    let (device, memory) = Device::new(8, Beyond::Refuses, &dead);
    let mut poller = running(memory, 3, 9);
    let living = good((1..=9).filter(|id| *id != 3));
    poller.until(&each(&living)).await;
    poller.until(&[("m3/7", SILENT)]).await;
    // It was asked once over another connection, to see whether it is the unit.
    listen(&mut poller, SECOND * 5).await;
    device.asked();
    listen(&mut poller, SECOND * 500).await;
    let asked = device.asked();
    assert_eq!(device.most_open(), 3);
    let mut gaps: BTreeMap<u8, Vec<Duration>> = BTreeMap::new();
    for id in (1..=9).filter(|id| *id != 3) {
        let at: Vec<_> = asked.iter().filter(|one| one.0 == id).collect();
        let pauses = at
            .windows(2)
            .map(|pair| pair[1].2.duration_since(pair[0].2));
        gaps.insert(id, pauses.collect());
        assert!(at.len() > 480, "unit {id} was asked {} times", at.len());
    }
    for (id, gaps) in gaps {
        let late = gaps
            .iter()
            .filter(|gap| **gap > SECOND + SECOND / 10)
            .count();
        match id % 3 {
            0 => assert!(
                late > 0,
                "unit {id} shares its connection and waits now and then"
            ),
            _ => assert_eq!(late, 0, "unit {id} has nothing to do with it"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_serves_fewer_connections_is_read_over_those_and_nothing_is_bad() {
    for beyond in [
        Beyond::Refuses,
        Beyond::HangsUp,
        Beyond::NeverAnswers,
        Beyond::EndsTheOldest,
    ] {
        let (device, memory) = Device::new(2, beyond, &Arc::default());
        let mut poller = polled_each(SECOND * 10, memory, 4, 8);
        let all = good(1..=8);
        let begin = now();
        while each(&all)
            .iter()
            .any(|(tag, reading)| poller.last.get(*tag) != Some(reading))
        {
            let batch = poller.next().await;
            let fine = |sample: &crate::sample::Sample| matches!(sample.reading, Reading::Good(_));
            assert!(batch.samples.iter().all(fine), "{beyond:?}: {batch:?}");
        }
        assert!(
            now() < begin + SECOND * 3,
            "{beyond:?}: after {:?}",
            now() - begin
        );
        // For hours nothing becomes bad, whatever is tried meanwhile.
        let end = now() + SECOND * 2 * 3600;
        while now() < end {
            let batch = poller.next().await;
            let fine = |sample: &crate::sample::Sample| matches!(sample.reading, Reading::Good(_));
            assert!(batch.samples.iter().all(fine), "{beyond:?}: {batch:?}");
        }
        assert!(device.most_open() <= 4);
        let tries = device.hostile.connected();
        assert!(tries < 250, "{beyond:?}: {tries} connections in two hours");

        // The others that held them are gone: all are used, an hour after what was tried last has failed.
        device.served.store(8, Ordering::SeqCst);
        listen(&mut poller, SECOND * 7300).await;
        device.asked();
        listen(&mut poller, SECOND * 60).await;
        let asked = device.asked();
        let used: BTreeSet<usize> = asked.iter().map(|(_, connection, _)| *connection).collect();
        assert_eq!(used.len(), 4, "{beyond:?}");
        assert_eq!(device.most_open(), 4, "{beyond:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_gone_and_comes_back_is_read_over_all_its_connections_again() {
    let there = Arc::new(AtomicBool::new(true));
    let (device, memory) = Device::new(8, Beyond::Refuses, &Arc::default());
    let door = Arc::clone(&there);
    let way = Memory::leading(move |to| match door.load(Ordering::SeqCst) {
        true => memory.connect(to),
        false => Err(io::ErrorKind::ConnectionRefused.into()),
    });
    let mut poller = running(way, 3, 6);
    let up = good(1..=6);
    let down: Vec<_> = up
        .iter()
        .map(|(tag, _)| (tag.clone(), Reading::Bad(Bad::Unreachable)))
        .collect();
    for _ in 0..20 {
        poller.within(SECOND * 60, &each(&up)).await;
        there.store(false, Ordering::SeqCst);
        // What stands goes on, so the device ends it.
        let served = device.served.swap(0, Ordering::SeqCst);
        assert_eq!(device.open.lock().unwrap().len(), 3);
        device.hostile.hang_up();
        poller.within(SECOND * 60, &each(&down)).await;
        device.served.store(served, Ordering::SeqCst);
        there.store(true, Ordering::SeqCst);
    }
    poller.within(SECOND * 60, &each(&up)).await;
    listen(&mut poller, SECOND * 60).await;
    device.asked();
    listen(&mut poller, SECOND * 5).await;
    let used: BTreeSet<usize> = device
        .asked()
        .iter()
        .map(|(_, connection, _)| *connection)
        .collect();
    assert_eq!(used.len(), 3, "none was given up for good");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn at_most_so_many_are_open_and_each_unit_is_asked_over_its_own(
        connections in 1_usize..=8,
        units in 1_u8..=12,
        dead in prop::collection::btree_set(1_u8..=12, 0..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let dead_units = Arc::new(Mutex::new(dead.clone()));
            let (device, memory) = Device::new(8, Beyond::Refuses, &dead_units);
            let mut poller = running(memory, connections, units);
            listen(&mut poller, SECOND * 60).await;
            let living = (1..=units).filter(|id| !dead.contains(id));
            let count = connections.min(usize::from(units));
            let home = |id: u8| usize::from(id - 1) % count;
            device.asked();
            listen(&mut poller, SECOND * 60).await;
            let asked = device.asked();
            // A connection to dead units alone is open only while one of them is tried.
            let held: BTreeSet<usize> = living.clone().map(home).collect();
            let most = device.most_open();
            assert!((held.len()..=count).contains(&most), "{most} open of {count}");
            for id in living {
                let polls = asked.iter().filter(|one| one.0 == id).count();
                assert!(polls >= 40, "unit {id} was asked {polls} times in a minute");
            }
            // Units that lie on one connection lie on one for ever; a connection is made anew where one of them is silent.
            let mut together: BTreeMap<usize, BTreeSet<u8>> = BTreeMap::new();
            for (id, connection, _) in &asked {
                together.entry(*connection).or_default().insert(*id);
            }
            for ids in together.values() {
                let homes: BTreeSet<usize> = ids.iter().map(|id| home(*id)).collect();
                assert_eq!(homes.len(), 1, "{ids:?} over one of {count} connections");
            }
        });
    }
}
