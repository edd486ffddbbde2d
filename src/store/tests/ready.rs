//! What a commit hands over is what the store itself would say.

use super::*;

#[tokio::test]
async fn what_a_commit_hands_over_is_what_the_store_says() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let both = ["ops", "pager"];
    let first = store
        .commit(commit(1, vec![event(1, 1, "triggered", &both)]))
        .await
        .unwrap();
    let [ops, pager] = [0, 1].map(|at: usize| first.deliveries[at].id);
    let accepted = Settlement {
        thread: Some("thread of ops".to_owned()),
        ..end(ops, DeliveryState::Accepted)
    };
    store.settle(accepted).await.unwrap();

    let joins = |mut event: NewEvent| {
        event.deliveries[1].as_trigger = true;
        event
    };
    let mut ends = event(4, 1, "resolved", &both);
    ends.withdraws = vec![pager];
    ends.id = "01KN33X5G0A2X02FC34SAMS3GX".to_owned();
    let group = vec![
        event(2, 1, "updated", &both),
        joins(event(3, 2, "escalated", &both)),
        ends,
        event(5, 3, "triggered", &both),
    ];
    let made = store.commit(commit(2, group)).await.unwrap();
    assert_eq!(made.superseded, [pager]);
    for owed in &made.deliveries {
        let said = store.delivery(owed.id).await.unwrap().unwrap();
        let writes = Some(store.writes());
        let ready = owed.ready.as_deref().unwrap();
        assert_eq!(*ready, Delivery { writes, ..said });
    }
    let threads = made.deliveries.iter().filter_map(|owed| {
        let ready = owed.ready.as_ref()?;
        ready.thread.clone()
    });
    assert_eq!(threads.count(), 2, "ops hears of alert 1 twice");
    let given_up = |at: usize| made.deliveries[at].ready.as_ref().unwrap().given_up.len();
    assert_eq!((given_up(0), given_up(1)), (0, 1));

    let many = (0..20).map(|n| event(10 + n, 10 + n.unsigned_abs(), "triggered", &["ops"]));
    let made = store.commit(commit(3, many.collect())).await.unwrap();
    let ready = made.deliveries.iter().map(|owed| owed.ready.is_some());
    let expected = (0..20).map(|n| n < 16);
    assert_eq!(ready.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}
