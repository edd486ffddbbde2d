//! Small records that are made by an independent bookkeeper, and everything that may be done to them.

use proptest::prelude::*;

use super::*;
use crate::verify::{
    chain::{self, Covered, Hash},
    rows::{Numbered, Total},
};

/// A record as a plain story: to whom each event was owed, and how that ended.
#[derive(Clone, Debug)]
struct Told {
    alert: i64,
    kind: &'static str,
    /// Destination, state, attempts, seconds until it was settled.
    owed: Vec<(usize, &'static str, u32, i64)>,
}

const NAMES: [&str; 3] = ["ops", "pager", "sms"];

fn digest(seq: i64, event: &Event) -> Hash {
    let covered = Covered {
        seq,
        id: &event.id,
        alert: event.alert,
        kind: &event.kind,
        at: event.at,
        decided: event.decided,
        untold: "",
        body: "{}",
    };
    covered.digest()
}

fn record(story: &[Told]) -> (Account, Vec<Entry>) {
    let (mut entries, mut before, mut last) = (Vec::new(), chain::ZERO, [0_u64; 3]);
    for (seq, told) in (1..).zip(story) {
        let decided = 1_000_000 + seq * 1000;
        let deliveries = (1..)
            .zip(&told.owed)
            .map(|(place, (to, state, attempts, after))| {
                last[*to] += 1;
                Delivery {
                    id: seq * 1000 + place,
                    destination: NAMES[*to].to_owned(),
                    sequence: last[*to],
                    state: (*state).to_owned(),
                    attempts: *attempts,
                    settled: (*state != "pending").then_some(decided + after * 1000),
                    result: Some("HTTP 202".to_owned()),
                }
            });
        let event = Event {
            id: format!("E{seq}"),
            alert: told.alert,
            kind: told.kind.to_owned(),
            at: decided - 5,
            decided,
            synchronised: true,
            untold: Vec::new(),
            deliveries: deliveries.collect(),
        };
        let digest = digest(seq, &event);
        before = chain::link(&before, &digest);
        entries.push(Entry {
            seq,
            digest: chain::hex(&digest),
            hash: Some(chain::hex(&before)),
            event: Some(event),
        });
    }
    let point = |seq: i64, hash: &Hash| Point {
        seq,
        hash: chain::hex(hash),
    };
    let account = Account {
        stream: "S".to_owned(),
        head: point(entries.len() as i64, &before),
        start: point(0, &chain::ZERO),
        destinations: (0..3)
            .filter(|to| last[*to] > 0)
            .map(|to| Numbered {
                name: NAMES[to].to_owned(),
                last: last[to],
            })
            .collect(),
        ..Account::default()
    };
    (account, entries)
}

fn balance(account: &Account, entries: &[Entry]) -> Report {
    let mut balance = Balance::new(account.clone(), None, None);
    for entry in entries {
        balance.take(entry);
    }
    balance.finish(account)
}

fn whats(report: &Report) -> Vec<&str> {
    report
        .problems
        .iter()
        .map(|one| one.what.as_str())
        .collect()
}

fn told(alert: i64, kind: &'static str, owed: &[(usize, &'static str)]) -> Told {
    let owed = owed.iter().map(|(to, state)| (*to, *state, 1, 2)).collect();
    Told { alert, kind, owed }
}

fn usual() -> Vec<Told> {
    vec![
        told(1, "triggered", &[(0, "accepted")]),
        told(2, "triggered", &[(0, "accepted"), (1, "expired")]),
        told(1, "escalated", &[(2, "superseded")]),
        told(1, "resolved", &[(0, "accepted")]),
        told(2, "resolved", &[(0, "accepted"), (1, "pending")]),
    ]
}

/// Takes an event out as pruning does.
fn prune(account: &mut Account, entries: &mut [Entry], at: usize) {
    let event = entries[at].event.take().expect("an event");
    entries[at].hash = None;
    account.pruned += 1;
    account.pruned_to = account.pruned_to.max(Some(event.at));
    for delivery in event.deliveries {
        account.totals.push(Total {
            destination: delivery.destination,
            state: delivery.state,
            deliveries: 1,
            numbered: u64::from(delivery.sequence > 0),
            repeats: u64::from(delivery.attempts.saturating_sub(1)),
        });
    }
}

#[test]
fn a_whole_record_is_fine_and_says_what_became_of_everything() {
    let (account, entries) = record(&usual());
    let report = balance(&account, &entries);
    assert_eq!(report.problems, []);
    assert!(report.fine && report.chain.intact);
    assert_eq!((report.events, report.alerts, report.lost), (5, 2, 0));
    let ops = &report.destinations[0];
    assert_eq!((ops.owed, ops.accepted, ops.last_number), (4, 4, 4));
    assert_eq!((ops.lag_median, ops.lag_worst), (Some(2000), Some(2000)));
    assert_eq!(ops.answers["HTTP 202"], 4);
    let pager = &report.destinations[1];
    assert_eq!((pager.expired, pager.pending), (1, 1));
}

#[test]
fn what_was_pruned_is_counted_and_the_chain_goes_on_across_the_holes() {
    let (mut account, mut entries) = record(&usual());
    for at in [1, 3] {
        prune(&mut account, &mut entries, at);
    }
    let report = balance(&account, &entries);
    assert_eq!(report.problems, []);
    let ops = &report.destinations[0];
    assert_eq!((ops.owed, ops.accepted, ops.numbers_pruned), (4, 4, 2));
    assert_eq!(
        (report.events, report.events_pruned, report.chain.pruned),
        (5, 2, 2)
    );
    // A digest that is kept of a pruned event cannot be exchanged either.
    entries[1].digest = entries[0].digest.clone();
    assert_eq!(whats(&balance(&account, &entries)), ["chain"]);
}

#[test]
fn a_delivery_that_is_gone_is_lost() {
    let (account, mut entries) = record(&usual());
    let event = entries[4].event.as_mut().expect("an event");
    event.deliveries.pop();
    let report = balance(&account, &entries);
    assert_eq!(whats(&report), ["follow-through", "lost"]);
    assert!(report.problems[1].text.contains("among 2"), "{report:?}");
    assert_eq!(report.lost, 1);
}

#[test]
fn who_heard_is_owed_the_end_unless_it_does_not_take_it() {
    let mut story = usual();
    story[4].owed.pop();
    let (account, mut entries) = record(&story);
    let report = balance(&account, &entries);
    assert_eq!(whats(&report), ["follow-through"]);
    assert!(
        report.problems[0].text.starts_with("pager heard of A-2"),
        "{report:?}"
    );
    entries[4].event.as_mut().expect("an event").untold = vec!["pager".to_owned()];
    assert!(balance(&account, &entries).problems.is_empty());
}

#[test]
fn a_head_that_was_kept_elsewhere_finds_a_record_that_was_written_anew() {
    let (account, entries) = record(&usual());
    let point = |seq: i64| Point {
        seq,
        hash: entries[seq as usize - 1].hash.clone().expect("a hash"),
    };
    let check = |account: &Account, entries: &[Entry], known: Point| {
        let mut balance = Balance::new(account.clone(), None, Some(known));
        for entry in entries {
            balance.take(entry);
        }
        balance.finish(account)
    };
    assert_eq!(
        check(&account, &entries, point(3)).chain.known_head_holds,
        Some(true)
    );
    assert!(check(&account, &entries, point(5)).fine);
    let mut story = usual();
    story[0].alert = 2;
    let (other, rewritten) = record(&story);
    assert!(
        balance(&other, &rewritten).chain.intact,
        "by itself it looks whole"
    );
    let report = check(&other, &rewritten, point(3));
    assert_eq!(report.chain.known_head_holds, Some(false));
    assert!(!report.fine);
    let (short, some) = record(&usual()[..2]);
    let report = check(&short, &some, point(3));
    assert!(report.problems[0].text.contains("cut"), "{report:?}");
}

#[test]
fn what_is_decided_meanwhile_is_followed_and_not_counted() {
    let (later, entries) = record(&usual());
    let (earlier, _) = record(&usual()[..4]);
    let mut balance = Balance::new(earlier, None, None);
    entries.iter().for_each(|entry| balance.take(entry));
    assert!(!balance.is_overtaken_by(&later));
    let report = balance.finish(&later);
    assert_eq!(report.problems, []);
    assert_eq!(report.events, 4);
}

fn story() -> impl Strategy<Value = Vec<Told>> {
    let state = prop::sample::select(vec!["accepted", "pending", "expired", "dropped", "refused"]);
    let owed = prop::collection::btree_map(0..3_usize, (state, 0..4_u32, 0..90_i64), 1..3);
    let event = (1..4_i64, owed);
    prop::collection::vec(event, 1..25).prop_map(|events| {
        let mut heard = std::collections::BTreeMap::<i64, std::collections::BTreeSet<usize>>::new();
        let mut story = Vec::new();
        for (alert, mut owed) in events {
            // Who heard goes on to hear.
            let audience = heard.entry(alert).or_default();
            for to in audience.iter() {
                owed.entry(*to).or_insert(("accepted", 1, 1));
            }
            audience.extend(owed.keys());
            let owed = owed
                .into_iter()
                .map(|(to, (state, attempts, after))| (to, state, attempts, after));
            story.push(Told {
                alert,
                kind: "updated",
                owed: owed.collect(),
            });
        }
        story
    })
}

proptest! {
    #[test]
    fn every_figure_is_what_counting_by_hand_gives(story in story(), gone in prop::collection::btree_set(0..25_usize, 0..10)) {
        let (mut account, mut entries) = record(&story);
        let gone: Vec<usize> = gone.into_iter().filter(|at| *at < entries.len()).collect();
        for at in &gone {
            prune(&mut account, &mut entries, *at);
        }
        let report = balance(&account, &entries);
        prop_assert_eq!(&report.problems, &[]);
        prop_assert_eq!(report.events, story.len() as u64);
        for one in &report.destinations {
            let to = NAMES.iter().position(|name| *name == one.name).expect("a name");
            let all: Vec<_> = story.iter().flat_map(|told| &told.owed).filter(|owed| owed.0 == to).collect();
            let of = |state: &str| all.iter().filter(|owed| owed.1 == state).count() as u64;
            prop_assert_eq!(one.owed, all.len() as u64);
            prop_assert_eq!([one.accepted, one.pending, one.expired, one.dropped, one.refused],
                ["accepted", "pending", "expired", "dropped", "refused"].map(of));
            prop_assert_eq!(one.repeats, all.iter().map(|owed| u64::from(owed.2.max(1) - 1)).sum::<u64>());
            let kept = story.iter().enumerate().filter(|(at, _)| !gone.contains(at)).flat_map(|(_, told)| &told.owed);
            let mut lags: Vec<u64> = kept.filter(|owed| owed.0 == to && owed.1 == "accepted").map(|owed| owed.3 as u64 * 1000).collect();
            lags.sort_unstable();
            prop_assert_eq!(one.lag_worst, lags.last().copied());
            prop_assert_eq!(one.lag_median, lags.get(lags.len().saturating_sub(1) / 2).copied());
        }
    }

    #[test]
    fn whatever_is_done_to_events_is_found(story in story(), how in 0..5_u8, at in 0..25_usize, other in 0..25_usize) {
        let (account, mut entries) = record(&story);
        let (at, other) = (at % entries.len(), other % entries.len());
        match how {
            0 => { entries.remove(at); }
            1 => { entries.truncate(at); }
            2 => {
                let entry = entries[at].clone();
                entries.push(Entry { seq: account.head.seq + 1, ..entry });
            }
            3 if story[at].alert != story[other].alert => {
                // Two rows have exchanged what they say; the digest is that of the row as it is.
                let (one, two) = (entries[at].event.clone(), entries[other].event.clone());
                for (place, event) in [(at, two), (other, one)] {
                    entries[place].event = event;
                    let event = entries[place].event.as_ref().expect("an event");
                    entries[place].digest = chain::hex(&digest(entries[place].seq, event));
                }
            }
            _ => {
                let event = entries[at].event.as_mut().expect("an event");
                event.at += 1;
                let event = entries[at].event.as_ref().expect("an event");
                entries[at].digest = chain::hex(&digest(entries[at].seq, event));
            }
        }
        let report = balance(&account, &entries);
        prop_assert!(!report.chain.intact && !report.fine, "{:?}", report);
    }
}
