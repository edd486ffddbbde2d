//! Random work against a naive model in memory, with restarts and full disks in between.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const DESTINATIONS: [&str; 3] = ["ops", "pager", "sms"];

#[derive(Clone, Debug)]
enum Step {
    Commit { alert: u64, kind: usize, to: u8 },
    Attempt { pick: usize, used: u32 },
    Settle { pick: usize, state: usize },
    Retry { pick: usize },
    Reopen,
    DiskFull,
    Room,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u64..5, 0usize..4, 0u8..8).prop_map(|(alert, kind, to)| Step::Commit { alert, kind, to }),
        2 => (any::<usize>(), 0u32..2).prop_map(|(pick, used)| Step::Attempt { pick, used }),
        4 => (any::<usize>(), 1usize..8).prop_map(|(pick, state)| Step::Settle { pick, state }),
        1 => any::<usize>().prop_map(|pick| Step::Retry { pick }),
        1 => Just(Step::Reopen),
        1 => Just(Step::DiskFull),
        1 => Just(Step::Room),
    ]
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Owed {
    lane: String,
    destination: &'static str,
    sequence: u64,
    withdrawable: bool,
    attempts: u32,
    state: DeliveryState,
}

#[derive(Default)]
struct Model {
    rows: BTreeMap<i64, Owed>,
    given_up: BTreeMap<&'static str, BTreeSet<u64>>,
    next: BTreeMap<&'static str, u64>,
}

impl Model {
    fn settle(&mut self, id: i64, state: DeliveryState) -> bool {
        let row = self.rows.get_mut(&id).unwrap();
        let late = state == DeliveryState::Accepted && row.state != state;
        if row.state != DeliveryState::Pending && !late {
            return false;
        }
        row.state = state;
        let numbers = self.given_up.entry(row.destination).or_default();
        match state {
            DeliveryState::Accepted => numbers.remove(&row.sequence),
            _ => numbers.insert(row.sequence),
        };
        true
    }
}

async fn check(store: &Store, model: &Model) {
    let real: Vec<_> = pending(store)
        .await
        .into_iter()
        .map(|row| (row.id, row.sequence, row.attempts, row.lane))
        .collect();
    let wanted: Vec<_> = model
        .rows
        .iter()
        .filter(|(_, row)| row.state == DeliveryState::Pending)
        .map(|(id, row)| (*id, row.sequence, row.attempts, row.lane.clone()))
        .collect();
    assert_eq!(real, wanted);
    for name in DESTINATIONS {
        let Some(row) = store.destination(name).await.unwrap() else {
            assert!(!model.next.contains_key(name));
            continue;
        };
        assert_eq!(row.next_sequence, model.next[name]);
        let real: BTreeSet<u64> = row
            .given_up
            .iter()
            .flat_map(|range| range.from..=range.to)
            .collect();
        assert_eq!(real, model.given_up.get(name).cloned().unwrap_or_default());
    }
    let backlog: u64 = store
        .counts()
        .await
        .unwrap()
        .iter()
        .map(|one| one.pending)
        .sum();
    assert_eq!(backlog, wanted.len() as u64);
}

async fn play(steps: Vec<Step>) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).store;
    let mut model = Model::default();
    let mut now = 0;
    for step in steps {
        now += 1;
        let picked = |pick: usize| {
            model
                .rows
                .keys()
                .nth(pick % model.rows.len().max(1))
                .copied()
        };
        match step {
            Step::Commit { alert, kind, to } => {
                let kind = ["triggered", "escalated", "acknowledged", "resolved"][kind];
                let to: Vec<&'static str> = (0..3)
                    .filter(|bit| to & (1 << bit) != 0)
                    .map(|bit| DESTINATIONS[bit])
                    .collect();
                let mut event = event(now, alert, kind, &to);
                let mut superseded = Vec::new();
                if matches!(kind, "acknowledged" | "resolved") {
                    let lane = &event.alert.dedup_key;
                    let open = |row: &Owed| {
                        row.state == DeliveryState::Pending && row.withdrawable && row.attempts == 0
                    };
                    superseded = model
                        .rows
                        .iter()
                        .filter(|(_, row)| row.lane == *lane && open(row))
                        .map(|(id, _)| *id)
                        .collect();
                    for id in &superseded {
                        model.settle(*id, DeliveryState::Superseded);
                    }
                    // One that is unknown or over already is passed over.
                    event.withdraws = superseded.clone();
                    event.withdraws.push(999_999);
                }
                let made = store.commit(commit(now, vec![event])).await.unwrap();
                assert_eq!(made.superseded, superseded);
                for (owed, destination) in made.deliveries.iter().zip(to) {
                    let next = model.next.entry(destination).or_insert(1);
                    assert_eq!(owed.sequence, *next);
                    *next += 1;
                    let row = Owed {
                        lane: format!("key-{alert}"),
                        destination,
                        sequence: owed.sequence,
                        withdrawable: kind == "escalated",
                        attempts: 0,
                        state: DeliveryState::Pending,
                    };
                    assert!(
                        model.rows.insert(owed.id, row).is_none(),
                        "an id was given twice"
                    );
                }
            }
            Step::Attempt { pick, used } => {
                if let Some(id) = picked(pick) {
                    let known = store
                        .attempted(
                            id,
                            AttemptRecord {
                                used,
                                ..AttemptRecord::default()
                            },
                        )
                        .await
                        .unwrap();
                    if known {
                        model.rows.get_mut(&id).unwrap().attempts += used;
                    }
                }
            }
            Step::Settle { pick, state } => {
                // In memory mode what is over stays on the disk, so only what is owed is known in both.
                let owed: Vec<i64> = model
                    .rows
                    .iter()
                    .filter(|(_, row)| row.state == DeliveryState::Pending)
                    .map(|(id, _)| *id)
                    .collect();
                if !owed.is_empty() {
                    let (id, state) = (owed[pick % owed.len()], DeliveryState::ALL[state]);
                    assert!(store.settle(end(id, state)).await.unwrap());
                    assert!(model.settle(id, state));
                }
            }
            Step::Retry { pick } => {
                if let Some(id) = picked(pick)
                    && store.retry(id).await.unwrap()
                {
                    let row = model.rows.get_mut(&id).unwrap();
                    assert!(!matches!(
                        row.state,
                        DeliveryState::Pending | DeliveryState::Accepted
                    ));
                    row.state = DeliveryState::Pending;
                    model
                        .given_up
                        .get_mut(row.destination)
                        .unwrap()
                        .remove(&row.sequence);
                }
            }
            Step::Reopen => {
                make_room(&store).await;
                store.close().await.unwrap();
                store = open(dir.path()).store;
            }
            Step::DiskFull => {
                let mut full = true;
                let job = move |keeper: &mut crate::store::keeper::Keeper| {
                    keeper.write(|_| match std::mem::take(&mut full) {
                        true => Err(rusqlite::Error::SqliteFailure(
                            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
                            None,
                        )),
                        false => Ok(()),
                    })
                };
                // In memory mode it is the memory that is full, which only refuses that one job.
                let _ = store.ask(job).await;
            }
            Step::Room => make_room(&store).await,
        }
        check(&store, &model).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn the_store_does_what_a_naive_model_does(steps in prop::collection::vec(step(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(play(steps));
    }
}
