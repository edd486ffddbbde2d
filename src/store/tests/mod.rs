//! The store as its users see it; each file is one promise.

mod backup;
mod bytes;
mod chain;
mod disk;
mod fallback;
mod found;
mod import;
mod limits;
mod machines;
mod model;
mod outbox;
mod put_back;
mod queue;
mod ready;

use std::path::Path;

use super::{Opened, Options, Store, rows::*};
use crate::clock::{Mono, Now, Wall};

fn at(seconds: i64) -> Now {
    Now {
        mono: Mono::from_nanos(seconds * 1_000_000_000),
        wall: Wall::from_millis(1_775_000_000_000 + seconds * 1000),
        synchronised: true,
    }
}

fn mark(seconds: i64) -> Mark {
    Mark::new(
        &crate::clock::BootId("boot with spaces".to_owned()),
        at(seconds),
    )
}

fn options(dir: &Path) -> Options {
    Options {
        ballast: 0,
        wal_reserve: 0,
        ..Options::new(dir, at(0))
    }
}

impl Store {
    /// The disk is full from now on, until it is looked at again.
    pub(crate) async fn lose_disk(&self) {
        assert!(!disk::fail(self, rusqlite::ffi::SQLITE_FULL).await.unwrap());
    }

    /// The store looks whether the disk has room, and it has.
    pub(crate) async fn find_disk(&self) {
        disk::heal(self).await;
        assert!(self.is_durable());
    }
}

fn open(dir: &Path) -> Opened {
    Store::open(options(dir)).unwrap()
}

/// Event number `n` of alert `alert`, owed to these destinations.
fn event(n: i64, alert: u64, kind: &str, to: &[&str]) -> NewEvent {
    let lane = format!("key-{alert}");
    let ends = matches!(kind, "resolved" | "closed");
    NewEvent {
        id: format!("event-{n}"),
        alert: AlertRow {
            id: format!("alert-{alert}"),
            number: alert,
            dedup_key: lane.clone(),
            rule: "spindle-overtemp".to_owned(),
            machine: "mill-1".to_owned(),
            severity: (alert % 4) as u8,
            state: if ends { "resolved" } else { "active" }.to_owned(),
            created: at(0).wall,
            ended: ends.then(|| at(n).wall),
            audience: to.iter().map(|name| (*name).to_owned()).collect(),
        },
        kind: kind.to_owned(),
        at: at(n).wall,
        body: format!("{{\"id\":\"event-{n}\"}}"),
        withdraws: Vec::new(),
        untold: Vec::new(),
        deliveries: to
            .iter()
            .map(|name| NewDelivery {
                destination: (*name).to_owned(),
                severity: (alert % 4) as u8,
                as_trigger: false,
                withdrawable: kind == "escalated",
                not_before: None,
            })
            .collect(),
    }
}

fn commit(seconds: i64, events: Vec<NewEvent>) -> Commit {
    Commit {
        events,
        mark: mark(seconds),
        ..Commit::default()
    }
}

fn end(id: i64, state: DeliveryState) -> Settlement {
    Settlement::new(id, state, at(50).wall, "HTTP 200")
}

async fn pending(store: &Store) -> Vec<DeliveryRow> {
    store.pending(0, 200).await.unwrap()
}

/// What somebody with SQLite's own shell would do.
fn by_hand(path: impl AsRef<Path>) -> rusqlite::Connection {
    let flags = rusqlite::OpenFlags::default();
    rusqlite::Connection::open_with_flags(path, flags).unwrap()
}

/// Imports everything from a file: how much was pending there, and how much is owed anew.
async fn import(store: &Store, path: &Path, dir: &Path) -> (u64, u64) {
    let (found, owed, unreadable) = import_all(store, path, dir).await;
    assert_eq!(unreadable, [""; 0]);
    (found, owed)
}

async fn import_all(store: &Store, path: &Path, dir: &Path) -> (u64, u64, Vec<String>) {
    let mut source = super::import::Source::open(path, dir).unwrap();
    let (mut found, mut owed) = (0, 0);
    loop {
        let step = store.import(source).await.unwrap();
        found += step.found;
        owed += step.owed.len() as u64;
        source = step.source;
        if step.done {
            return (found, owed, std::mem::take(&mut source.unreadable));
        }
    }
}

/// Takes the database of a closed store and its log away, under a name like those that are set aside.
fn take_away(dir: &Path) -> std::path::PathBuf {
    let aside = dir.join("andon.db.newer-1");
    for suffix in ["", "-wal"] {
        let from = dir.join(format!("andon.db{suffix}"));
        if from.exists() {
            std::fs::rename(from, dir.join(format!("andon.db.newer-1{suffix}"))).unwrap();
        }
    }
    aside
}

/// Lets the file grow no more than now.
async fn fill(store: &Store) {
    let job = |keeper: &mut super::keeper::Keeper| {
        let db = keeper.disk.as_ref().unwrap();
        let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
        db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
        Ok(())
    };
    store.ask(job).await.unwrap();
}

/// Gives the room back.
async fn make_room(store: &Store) {
    let job = |keeper: &mut super::keeper::Keeper| {
        let db = keeper.disk.as_ref().unwrap();
        db.query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(()))?;
        keeper.heal();
        Ok(())
    };
    store.ask(job).await.unwrap();
}
