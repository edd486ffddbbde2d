//! What the disk is asked to write. Every frame of the log is a page, so counting them gives the same figures everywhere.
//!
//! The rows are those of a plant: ids of their real length, two destinations, a body and a state as long as the agent makes
//! them, in a database with 1,000 watches that has some history.

use std::collections::BTreeSet;

use super::*;

const PAGE: u64 = 512;
const FRAME: u64 = PAGE + 24;

/// What the log holds since it began anew.
#[derive(Clone, Copy, Debug)]
struct Written {
    frames: u64,
    /// How many different pages these are of: each goes into the file once.
    pages: u64,
}

impl Written {
    fn log(self) -> u64 {
        self.frames * FRAME
    }

    fn log_and_file(self) -> u64 {
        self.log() + self.pages * PAGE
    }
}

fn written(dir: &Path) -> Written {
    let log = std::fs::read(dir.join("andon.db-wal")).unwrap();
    let word = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    assert_eq!(u64::from(word(8)), PAGE);
    let mut pages = BTreeSet::new();
    let mut frames = 0;
    let salt = &log[16..24];
    for frame in log[32..].chunks_exact(FRAME as usize) {
        if frame[8..16] != *salt {
            break;
        }
        frames += 1;
        pages.insert(frame[0..4].to_vec());
    }
    Written {
        frames,
        pages: pages.len() as u64,
    }
}

/// Lets the log go over into the file, so that the next commit begins it anew.
async fn begin_anew(store: &Store) {
    let job = |keeper: &mut crate::store::keeper::Keeper| {
        let db = keeper.disk.as_ref().unwrap();
        db.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))?;
        Ok(())
    };
    store.ask(job).await.unwrap();
}

fn ulid(n: i64) -> String {
    let n = n.unsigned_abs();
    let time = 1_775_000_000_000 + n * 50;
    ulid::Ulid::from_parts(time, u128::from(n) * 0x9E37_79B9_7F4A_7C15_F39C).to_string()
}

/// The key of one of the 1,000 watches.
fn key(watch: u64) -> String {
    let machine = format!("mill-{}", watch % 1000);
    crate::alert::event::DedupKey::new("plant-7", "spindle-overtemp", &machine).to_string()
}

/// The event `n`, of an alert of a watch.
fn decided(n: i64, alert: u64, watch: u64, kind: &str) -> Commit {
    let mut event = event(n, alert, kind, &["ops", "pager"]);
    event.id = ulid(n);
    event.alert.id = ulid(1_000_000 + alert.cast_signed());
    event.alert.dedup_key = key(watch);
    event.body = "b".repeat(540);
    Commit {
        events: vec![event],
        watches: vec![WatchRow {
            key: key(watch),
            rule: "spindle-overtemp".to_owned(),
            machine: format!("mill-{}", watch % 1000),
            open: kind == "triggered",
            blob: "w".repeat(380),
        }],
        core: Some("c".repeat(120)),
        mark: Mark {
            boot: "6ba7b810-9dad-11d1-80b4-00c04fd430c8".to_owned(),
            ..mark(n)
        },
        ..Commit::default()
    }
}

fn together(commits: impl IntoIterator<Item = Commit>) -> Commit {
    let mut all = Commit::default();
    for one in commits {
        all.events.extend(one.events);
        all.watches.extend(one.watches);
        (all.core, all.mark) = (one.core, one.mark);
    }
    all
}

/// What follows when every destination accepts at once.
fn accepted(made: &Committed) -> Vec<Settlement> {
    let wall = at(51).wall;
    let accepted = |owed: &super::Owed| Settlement {
        attempt: Some(AttemptRecord {
            at: wall,
            used: 1,
            result: "HTTP 204".to_owned(),
            took_ms: Some(85),
            status: Some(204),
            provider_id: Some("req_01KN33X5G0A2X02FC34SAMS3GX".to_owned()),
            not_before: None,
        }),
        ..Settlement::new(owed.id, DeliveryState::Accepted, wall, "HTTP 204")
    };
    made.deliveries.iter().map(accepted).collect()
}

/// A database with an alert of every watch, all over and told.
async fn plant(dir: &Path) -> Store {
    let store = Store::open(Options {
        wal_reserve: 1 << 20,
        ..options(dir)
    })
    .unwrap()
    .store;
    for hundred in 0..10_u64 {
        for (kind, n) in [("triggered", 0), ("resolved", 100)] {
            let group = (0..100).map(|k| {
                let alert = hundred * 100 + k + 1;
                let n = hundred * 200 + n + k;
                decided(n.cast_signed(), alert, alert, kind)
            });
            let made = store.commit(together(group)).await.unwrap();
            store.settle_many(accepted(&made)).await.unwrap();
        }
    }
    begin_anew(&store).await;
    store
}

#[tokio::test]
async fn an_alert_alone_costs_the_disk_at_most_24_kib() {
    let dir = tempfile::tempdir().unwrap();
    let store = plant(dir.path()).await;
    let lives = 20;
    let (mut n, mut before) = (3000, 0);
    let (mut decisions, mut ends) = (Vec::new(), Vec::new());
    for alert in 2000..2000 + lives {
        for kind in ["triggered", "resolved"] {
            n += 1;
            let one = decided(n, alert, alert * 7919, kind);
            let made = store.commit(one).await.unwrap();
            let after = written(dir.path()).frames;
            decisions.push(after - before);
            before = after;
            for end in accepted(&made) {
                store.settle(end).await.unwrap();
                let after = written(dir.path()).frames;
                ends.push(after - before);
                before = after;
            }
        }
    }
    let all = written(dir.path());
    let of_one = |bytes: u64| bytes as f64 / lives as f64 / 1024.0;
    println!("frames of decisions {decisions:?}, of ends {ends:?}");
    let (log, whole) = (of_one(all.log()), of_one(all.log_and_file()));
    println!("the life of an alert alone: log {log:.1} KiB, with the file {whole:.1} KiB");
    decisions.sort_unstable();
    assert!(decisions[decisions.len() / 2] <= 13, "{decisions:?}");
    // The row of the delivery and its entry among what is owed; a third where a page is full.
    ends.sort_unstable();
    assert_eq!(ends[ends.len() / 2], 2, "{ends:?}");
    assert!(whole <= 24.0, "{whole}");
}

#[tokio::test]
async fn an_event_among_100_costs_the_disk_at_most_2_kib_and_an_alert_7() {
    let dir = tempfile::tempdir().unwrap();
    let store = plant(dir.path()).await;
    let mut decision = 0.0;
    for (kind, n) in [("triggered", 3000), ("resolved", 3100)] {
        let group = (0..100).map(|k| decided(n + k, 3000 + k as u64, k as u64 * 7919, kind));
        let made = store.commit(together(group)).await.unwrap();
        if kind == "triggered" {
            decision = written(dir.path()).log() as f64 / 100.0 / 1024.0;
        }
        for some in accepted(&made).chunks(100) {
            store.settle_many(some.to_vec()).await.unwrap();
        }
    }
    let all = written(dir.path());
    let of_one = |bytes: u64| bytes as f64 / 100.0 / 1024.0;
    let (log, whole) = (of_one(all.log()), of_one(all.log_and_file()));
    println!("in groups of 100: {decision:.2} KiB an event at its decision");
    println!("the life of an alert: log {log:.2} KiB, with the file {whole:.2} KiB");
    assert!(decision <= 2.0, "{decision}");
    assert!(whole <= 7.0, "{whole}");
}
