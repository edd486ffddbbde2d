//! What a poller does over minutes and days, in stopped time: rounds beside silent units, quarantine, and a device that comes and goes.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    hostile::{Asked, Framing, Hostile, Manner},
    line::now,
    running::{Running, right, unit},
};
use crate::{
    clock::Clock,
    sample::{Bad, Reading},
    source::modbus::{LinkSettings, address::Address, link::Memory},
};

const POLL: Duration = Duration::from_secs(2);
/// As [`Running::stopped`] has it, with what a serial line waits after it: the longest answer, and silence.
const TIMEOUT: Duration = Duration::from_millis(300);
const QUARANTINE: Duration = Duration::from_millis(1050);
const UNITS: u8 = 10;

type Log = Arc<Mutex<Vec<(u8, Instant)>>>;

/// When it began, and which units were asked when, for some minutes: ten on one RTU-over-TCP line, of which those in `dead` (bit n for unit n + 1) never answer.
async fn line_with(dead: u16) -> (Instant, Vec<(u8, Instant)>) {
    let log = Log::default();
    let asked = log.clone();
    let hostile = Hostile::new(Framing::Rtu, false, move |ask: Asked| {
        asked.lock().unwrap().push((ask.unit, now()));
        match dead >> (ask.unit - 1) & 1 {
            1 => Manner::Never,
            _ => Manner::Late(5),
        }
    });
    let units = (1..=UNITS).map(|id| unit(id, POLL.as_millis() as u64, &[7]));
    let mut poller = Running::stopped(&hostile, "rtu+tcp://server:4001", units.collect());
    let begin = now();
    while now() < begin + Duration::from_secs(180) {
        let heard = tokio::time::timeout(Duration::from_secs(5), poller.drain.recv()).await;
        drop(heard);
    }
    drop(poller);
    (begin, std::mem::take(&mut *log.lock().unwrap()))
}

#[tokio::test(start_paused = true)]
async fn ten_units_on_one_line_any_of_them_dead() {
    let mut random = fastrand::Rng::with_seed(5);
    let some = [0, 0b1, 0b10_0000_0000, 0b11_1111_1110, 0b11_1111_1111];
    let subsets = some
        .into_iter()
        .chain((0..7).map(|_| random.u16(0..1 << UNITS)));
    for dead in subsets {
        let (begin, log) = line_with(dead).await;
        let is_dead = |unit: u8| dead >> (unit - 1) & 1 == 1;
        let living: Vec<u8> = (1..=UNITS).filter(|unit| !is_dead(*unit)).collect();
        // At the start everybody is asked once.
        let known = begin + (TIMEOUT + QUARANTINE) * 10;
        let steady: Vec<(u8, Instant)> =
            log.iter().copied().filter(|(_, at)| *at > known).collect();
        let tries: Vec<Instant> = log
            .iter()
            .filter(|(unit, _)| is_dead(*unit))
            .map(|(_, at)| *at)
            .collect();
        assert_eq!(
            tries.is_empty(),
            living.len() == usize::from(UNITS),
            "{dead:b}"
        );
        for pair in tries.windows(2).filter(|pair| pair[0] > known) {
            let asked = |unit: &u8| {
                let between =
                    |(who, at): &(u8, Instant)| who == unit && *at > pair[0] && *at < pair[1];
                steady.iter().any(between)
            };
            assert!(
                living.iter().all(asked),
                "{dead:b}: two tries and no round between"
            );
        }
        for unit in &living {
            let polls = steady
                .iter()
                .filter(|(who, _)| who == unit)
                .map(|(_, at)| *at);
            let polls: Vec<Instant> = polls.collect();
            assert!(
                polls.len() > 70,
                "{dead:b}: unit {unit} was asked {} times",
                polls.len()
            );
            let grid = begin + POLL / u32::from(UNITS) * u32::from(unit - 1);
            let tenth = POLL / 10;
            let beside_a_try = |at: &Instant| {
                let over = TIMEOUT + QUARANTINE + tenth;
                tries.iter().any(|tried| tried <= at && *at < *tried + over)
            };
            for at in &polls {
                let late = at.duration_since(grid).as_nanos() % POLL.as_nanos();
                let late = Duration::from_nanos(u64::try_from(late).unwrap());
                let most = match beside_a_try(at) {
                    true => TIMEOUT + QUARANTINE + tenth,
                    false => tenth,
                };
                assert!(late <= most, "{dead:b}: unit {unit} is {late:?} late");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_address_is_quarantined_and_believed_once_it_is_right() {
    let (wrong, asked) = (Arc::new(AtomicBool::new(true)), Log::default());
    let (mended, log) = (wrong.clone(), asked.clone());
    let hostile = Hostile::new(Framing::Tcp, false, move |ask: Asked| {
        let hit = (ask.start..ask.start + ask.count).contains(&3);
        if ask.count == 1 && hit {
            log.lock().unwrap().push((ask.unit, now()));
        }
        match hit && wrong.load(Ordering::SeqCst) {
            true => Manner::Exception(2),
            false => Manner::Proper,
        }
    });
    let registers = [1, 2, 3, 4, 5];
    let mut poller = Running::stopped(&hostile, "tcp://device", vec![unit(1, 1000, &registers)]);
    let begin = now();
    let refused = Reading::Bad(Bad::Exception(2));
    while now() < begin + Duration::from_secs(3600) {
        let batch = poller.next().await;
        assert_eq!(batch.samples.len(), 5, "its neighbours keep their period");
        for at in registers {
            let expected = if at == 3 { refused } else { right(1, at) };
            assert_eq!(poller.last[&format!("m1/{at}")], expected);
        }
    }
    assert!(poller.sampled("m1/1") >= 3600, "{}", poller.sampled("m1/1"));
    let tries = std::mem::take(&mut *asked.lock().unwrap()).len();
    assert!((8..=25).contains(&tries), "tried {tries} times in an hour");

    let before = (hostile.asked(), poller.sampled("m1/1"));
    for _ in 0..60 {
        poller.next().await;
    }
    let each = hostile.asked() - before.0;
    assert!(each <= 60 * 2 + 1, "two requests a poll, not {each} in 60");

    mended.store(false, Ordering::SeqCst);
    poller
        .within(Duration::from_secs(620), &[("m1/3", right(1, 3))])
        .await;
    poller.next().await;
    let before = hostile.asked();
    for _ in 0..60 {
        poller.next().await;
    }
    assert_eq!(hostile.asked() - before, 60, "one request again");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_comes_and_goes_a_thousand_times_is_always_heard_again_and_leaves_nothing() {
    for (framing, address) in [
        (Framing::Tcp, "tcp://device"),
        (Framing::Rtu, "rtu+tcp://device:1"),
    ] {
        let there: Arc<Mutex<Option<Memory>>> = Arc::default();
        let door = there.clone();
        let mut settings =
            LinkSettings::new(Address::parse(address).unwrap(), Duration::from_millis(300));
        settings.memory = Some(Memory::leading(move |to| match &*door.lock().unwrap() {
            Some(device) => device.connect(to),
            None => Err(std::io::ErrorKind::ConnectionRefused.into()),
        }));
        let units = vec![unit(1, 1000, &[7, 300]), unit(2, 1000, &[7])];
        let mut poller = Running::with(settings, Clock::of_tokio(), units);
        let down = Reading::Bad(Bad::Unreachable);
        let minute = Duration::from_secs(60);
        let mut after_a_few = None;
        for cycle in 0..500 {
            let hostile = Hostile::new(framing, false, |_| Manner::Proper);
            *there.lock().unwrap() = Some(hostile.memory());
            let up = [
                ("m1/7", right(1, 7)),
                ("m1/300", right(1, 300)),
                ("m2/7", right(2, 7)),
            ];
            poller.within(minute, &up).await;
            *there.lock().unwrap() = None;
            drop(hostile);
            poller
                .within(minute, &[("m1/7", down), ("m1/300", down), ("m2/7", down)])
                .await;
            if cycle == 20 {
                after_a_few = Some(held());
            }
        }
        let (tasks, bytes) = held();
        let (tasks_before, bytes_before) = after_a_few.unwrap();
        assert!(tasks <= tasks_before, "{tasks_before} tasks became {tasks}");
        let more = bytes.saturating_sub(bytes_before);
        assert!(more < 4 << 20, "{more} bytes more after 480 cycles");
    }
}

/// How many tasks there are, and how much memory is resident.
fn held() -> (usize, usize) {
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let resident: usize = pages.split_whitespace().nth(1).unwrap().parse().unwrap();
    (tasks, resident * 4096)
}
