//! What is owed: numbers, withdrawal, ends.

use super::*;
use crate::store::history::*;

#[tokio::test]
async fn a_reopened_store_gives_back_exactly_what_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let watch = WatchRow {
        key: "key-1".to_owned(),
        rule: "spindle-overtemp".to_owned(),
        machine: "mill-1".to_owned(),
        open: true,
        blob: "{}".to_owned(),
    };
    let gone = WatchRow {
        key: "key-2".to_owned(),
        ..watch.clone()
    };
    let store = first.store;
    let mut wanted = commit(7, vec![event(1, 1, "triggered", &["ops", "pager"])]);
    wanted.watches = vec![watch.clone(), gone];
    wanted.core = Some("seed".to_owned());
    let made = store.commit(wanted).await.unwrap();
    assert!(made.durable);
    let removal = Commit {
        removed_watches: vec!["key-2".to_owned()],
        mark: mark(8),
        ..Commit::default()
    };
    store.commit(removal).await.unwrap();
    let before = pending(&store).await;
    assert_eq!(before.len(), 2);
    assert_eq!(before[0].decided, mark(7));
    let tried = AttemptRecord {
        at: at(9).wall,
        used: 1,
        result: "HTTP 503".to_owned(),
        took_ms: Some(31),
        status: Some(503),
        provider_id: Some("r-7".to_owned()),
        not_before: Some(at(19).wall),
    };
    assert!(store.attempted(before[0].id, tried).await.unwrap());
    store
        .remember(before[0].id, "message 7".to_owned())
        .await
        .unwrap();
    let before = store.delivery(before[0].id).await.unwrap().unwrap();
    store.close().await.unwrap();

    let again = open(dir.path());
    assert_eq!(again.found, crate::store::Found::Existing);
    assert_eq!(again.restored.agent_id, first.restored.agent_id);
    assert_eq!(again.restored.stream, first.restored.stream);
    assert_eq!(again.restored.core.as_deref(), Some("seed"));
    assert_eq!(again.restored.mark, Some(mark(8)));
    assert_eq!(again.restored.watches, [watch]);
    let after = again.store.delivery(before.row.id).await.unwrap().unwrap();
    assert_eq!(after, before);
    assert_eq!(after.body, "{\"id\":\"event-1\"}");
    assert_eq!(after.row.not_before, Some(at(19).wall));
    assert_eq!(after.thread.as_deref(), Some("message 7"));
    assert_eq!(after.log.len(), 1);
    let tried = &after.log[0];
    assert_eq!((tried.took_ms, tried.status), (Some(31), Some(503)));
    assert_eq!(tried.provider_id.as_deref(), Some("r-7"));
    let known = again
        .store
        .alerts(AlertFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(known, [event(1, 1, "triggered", &["ops", "pager"]).alert]);
    assert_eq!(again.store.events_of(1, 200).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_commit_with_nothing_durable_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    store
        .commit(commit(1, vec![event(1, 1, "triggered", &["ops"])]))
        .await
        .unwrap();
    let changes = || store.ask(|keeper| Ok(keeper.disk.as_ref().unwrap().total_changes()));
    let before = changes().await.unwrap();
    store.commit(commit(2, Vec::new())).await.unwrap();
    assert_eq!(changes().await.unwrap(), before);
    store.mark(mark(3)).await.unwrap();
    assert_eq!(changes().await.unwrap(), before + 1);
}

#[tokio::test]
async fn an_event_that_exists_undoes_the_whole_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let first = event(1, 1, "triggered", &["ops"]);
    store.commit(commit(1, vec![first.clone()])).await.unwrap();
    let twice = commit(2, vec![event(2, 1, "resolved", &["ops"]), first]);
    assert!(store.commit(twice).await.is_err());
    assert_eq!(pending(&store).await.len(), 1);
    let made = store
        .commit(commit(3, vec![event(3, 1, "resolved", &["ops"])]))
        .await
        .unwrap();
    assert_eq!(made.deliveries[0].sequence, 2);
}

#[tokio::test]
async fn each_destination_counts_its_own_without_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let events = vec![
        event(1, 1, "triggered", &["ops", "pager"]),
        event(2, 2, "triggered", &["ops"]),
        event(3, 1, "resolved", &["pager", "ops"]),
    ];
    let made = store.commit(commit(1, events)).await.unwrap();
    let told: Vec<_> = made
        .deliveries
        .iter()
        .map(|owed| (owed.event, owed.destination.as_str(), owed.sequence))
        .collect();
    assert_eq!(
        told,
        [
            (0, "ops", 1),
            (0, "pager", 1),
            (1, "ops", 2),
            (2, "pager", 2),
            (2, "ops", 3)
        ]
    );
    let ops = store.destination("ops").await.unwrap().unwrap();
    assert_eq!(ops.next_sequence, 4);
}

#[tokio::test]
async fn what_an_acknowledgement_withdraws_is_superseded_and_its_number_never_comes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let events = vec![
        event(1, 1, "triggered", &["ops"]),
        event(2, 1, "escalated", &["sms", "voice"]),
    ];
    let made = store.commit(commit(1, events)).await.unwrap();
    let (sms, voice) = (made.deliveries[1].id, made.deliveries[2].id);
    store
        .settle(end(voice, DeliveryState::Accepted))
        .await
        .unwrap();
    let mut taken = event(4, 1, "acknowledged", &["ops"]);
    taken.withdraws = vec![sms, voice];
    let events = vec![taken, event(6, 1, "escalated", &["sms"])];
    let ack = store.commit(commit(2, events)).await.unwrap();
    assert_eq!(ack.superseded, [sms], "what was accepted stays accepted");
    let left: Vec<_> = pending(&store)
        .await
        .iter()
        .map(|row| (row.kind.clone(), row.destination.clone()))
        .collect();
    let wanted = [
        ("triggered", "ops"),
        ("acknowledged", "ops"),
        ("escalated", "sms"),
    ];
    assert_eq!(
        left,
        wanted.map(|(kind, to)| (kind.to_owned(), to.to_owned()))
    );
    let given_up = store.destination("sms").await.unwrap().unwrap().given_up;
    assert_eq!((given_up[0].from, given_up[0].to), (1, 1));
}

#[tokio::test]
async fn a_number_that_will_never_come_is_named_until_it_was_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let events = (1..=5)
        .map(|n| event(n, n as u64, "triggered", &["ops"]))
        .collect();
    let ids: Vec<i64> = store
        .commit(commit(1, events))
        .await
        .unwrap()
        .deliveries
        .iter()
        .map(|owed| owed.id)
        .collect();
    store
        .settle(end(ids[0], DeliveryState::Expired))
        .await
        .unwrap();
    store
        .settle(end(ids[1], DeliveryState::Expired))
        .await
        .unwrap();
    assert!(
        store
            .drop_delivery(ids[3], at(3).wall, "not wanted")
            .await
            .unwrap()
    );
    let told = store.delivery(ids[2]).await.unwrap().unwrap().given_up;
    assert_eq!(
        told.iter().map(|r| (r.from, r.to)).collect::<Vec<_>>(),
        [(1, 2), (4, 4)]
    );
    let accepted = Settlement {
        told,
        thread: Some("ts=1".to_owned()),
        ..end(ids[2], DeliveryState::Accepted)
    };
    assert!(store.settle(accepted).await.unwrap());
    assert!(
        store
            .destination("ops")
            .await
            .unwrap()
            .unwrap()
            .given_up
            .is_empty()
    );
    assert_eq!(
        store
            .delivery(ids[2])
            .await
            .unwrap()
            .unwrap()
            .thread
            .as_deref(),
        Some("ts=1")
    );
}

#[tokio::test]
async fn an_acceptance_counts_after_the_delivery_was_given_up_and_nothing_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let made = store
        .commit(commit(1, vec![event(1, 1, "triggered", &["ops"])]))
        .await
        .unwrap();
    let id = made.deliveries[0].id;
    assert!(
        store
            .settle(end(id, DeliveryState::Superseded))
            .await
            .unwrap()
    );
    assert!(!store.settle(end(id, DeliveryState::Failed)).await.unwrap());
    assert!(
        store
            .settle(end(id, DeliveryState::Accepted))
            .await
            .unwrap()
    );
    assert!(
        !store
            .settle(end(id, DeliveryState::Accepted))
            .await
            .unwrap()
    );
    assert!(
        store
            .destination("ops")
            .await
            .unwrap()
            .unwrap()
            .given_up
            .is_empty()
    );
    assert!(!store.retry(id).await.unwrap());
}

#[tokio::test]
async fn what_was_given_up_can_be_owed_again_under_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let mut call = event(1, 1, "escalated", &["ops"]);
    call.deliveries[0].withdrawable = true;
    let made = store.commit(commit(1, vec![call])).await.unwrap();
    let id = made.deliveries[0].id;
    store.settle(end(id, DeliveryState::Failed)).await.unwrap();
    assert!(pending(&store).await.is_empty());
    assert!(store.retry(id).await.unwrap());
    let again = pending(&store).await.remove(0);
    assert_eq!(again.sequence, 1);
    assert!(!again.withdrawable, "a person wants it to be sent");
    assert!(
        store
            .destination("ops")
            .await
            .unwrap()
            .unwrap()
            .given_up
            .is_empty()
    );
}

#[tokio::test]
async fn a_delivery_keeps_its_first_and_last_ten_tries() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let made = store
        .commit(commit(1, vec![event(1, 1, "triggered", &["ops"])]))
        .await
        .unwrap();
    let id = made.deliveries[0].id;
    for n in 1..=35 {
        let record = AttemptRecord {
            at: at(n).wall,
            used: 1,
            result: "é".repeat(n as usize * 20),
            ..AttemptRecord::default()
        };
        store.attempted(id, record).await.unwrap();
    }
    let kept = store.delivery(id).await.unwrap().unwrap();
    let tries: Vec<u32> = kept.log.iter().map(|tried| tried.attempts).collect();
    assert_eq!(tries, (1..=10).chain(26..=35).collect::<Vec<u32>>());
    assert_eq!(kept.row.attempts, 35);
    assert_eq!(kept.row.first_attempt, Some(at(1).wall));
    assert!(kept.log[19].result.len() <= 500);
    assert!(!store.attempted(99, AttemptRecord::default()).await.unwrap());
}

#[tokio::test]
async fn a_paused_destination_keeps_its_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    store
        .commit(commit(1, vec![event(1, 1, "triggered", &["ops"])]))
        .await
        .unwrap();
    let paused = DestinationRow {
        name: "ops".to_owned(),
        paused_until: Some(at(9).wall),
        failures: 3,
        ..DestinationRow::default()
    };
    store.set_destination(paused).await.unwrap();
    let ops = store.destination("ops").await.unwrap().unwrap();
    assert_eq!(
        (ops.next_sequence, ops.failures, ops.paused_until),
        (2, 3, Some(at(9).wall))
    );
    let counts = store.counts().await.unwrap();
    assert_eq!(
        counts,
        [Backlog {
            destination: "ops".to_owned(),
            pending: 1,
            oldest: at(1).wall
        }]
    );
    let owed = DeliveryFilter {
        destination: Some("ops".to_owned()),
        state: Some(DeliveryState::Pending),
        ..DeliveryFilter::default()
    };
    assert_eq!(store.deliveries(owed, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_deliveries_of_one_alert_are_found_without_walking_all_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let events = (1..=4).map(|n| event(n, (n as u64) % 2, "updated", &["ops", "sms"]));
    store.commit(commit(1, events.collect())).await.unwrap();
    let filter = DeliveryFilter {
        alert: Some(1),
        ..DeliveryFilter::default()
    };
    let ids = |rows: Vec<DeliveryRow>| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    let rows = store.deliveries(filter.clone(), 3).await.unwrap();
    assert_eq!(ids(rows), [3002, 3001, 1002]);
    let rest = DeliveryFilter {
        before: Some(1002),
        ..filter
    };
    assert_eq!(ids(store.deliveries(rest, 3).await.unwrap()), [1001]);
    let job = |keeper: &mut super::super::keeper::Keeper| {
        let db = keeper.disk.as_ref().unwrap();
        let sql = super::super::outbox::matching(true);
        let plan: Vec<String> = db
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?
            .query_map([None::<i64>; 5], |row| row.get(3))?
            .collect::<Result<_, _>>()?;
        Ok(plan.join("; "))
    };
    let plan = store.ask(job).await.unwrap();
    assert!(
        plan.contains("events_of_alert") && !plan.contains("SCAN"),
        "{plan}"
    );
}
