//! Telling others in place of a destination that did not accept.

use super::*;

#[tokio::test]
async fn others_are_told_once_in_place_of_a_delivery_and_both_rows_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let events = vec![
        event(1, 7, "triggered", &["pager"]),
        event(2, 7, "updated", &["pager"]),
    ];
    let made = store.commit(commit(1, events)).await.unwrap().deliveries;
    let what = |row| FallBack {
        row,
        to: vec!["sms".to_owned(), "mail".to_owned()],
        audience: ["pager", "sms", "mail"].map(str::to_owned).to_vec(),
    };
    let told = store.fall_back(what(made[0].id)).await.unwrap();
    let names: Vec<&str> = told.iter().map(|row| &*row.destination).collect();
    assert_eq!(names, ["sms", "mail"]);
    for row in &told {
        // It is the latest event, after what is owed of it already.
        assert_eq!((row.kind.as_str(), row.as_trigger), ("updated", true));
        assert_eq!((row.sequence, row.fallback_of), (1, Some(made[0].id)));
        assert!(row.id > made[1].id);
    }
    let first = store.delivery(made[0].id).await.unwrap().unwrap();
    assert_eq!(first.row.fallback_to, Some(told[0].id));
    assert_eq!(first.row.state, DeliveryState::Pending);
    let alert = first.alert.unwrap();
    assert_eq!(alert.audience, ["pager", "sms", "mail"]);
    // Not again, also after a restart; and what another delivery says of the same event is said once.
    store.close().await.unwrap();
    let store = open(dir.path()).store;
    assert!(store.fall_back(what(made[0].id)).await.unwrap().is_empty());
    assert!(store.fall_back(what(made[1].id)).await.unwrap().is_empty());
    let second = store.delivery(made[1].id).await.unwrap().unwrap();
    assert_eq!(second.row.fallback_to, Some(told[0].id));
    assert_eq!(store.pending(0, 200).await.unwrap().len(), 4);
}

#[tokio::test]
async fn who_is_owed_the_event_anyway_is_not_told_it_twice() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let events = vec![event(1, 7, "triggered", &["pager", "sms", "mail"])];
    let made = store.commit(commit(1, events)).await.unwrap().deliveries;
    let sms = &made[1];
    // What was given up reached nobody, so it does not count.
    let dropped = store.drop_delivery(made[2].id, Wall::from_millis(5), "a person");
    assert!(dropped.await.unwrap());
    let what = FallBack {
        row: made[0].id,
        to: vec!["sms".to_owned(), "mail".to_owned()],
        audience: ["pager", "sms", "mail"].map(str::to_owned).to_vec(),
    };
    let told = store.fall_back(what).await.unwrap();
    let names: Vec<&str> = told.iter().map(|row| &*row.destination).collect();
    assert_eq!(names, ["mail"]);
    let first = store.delivery(made[0].id).await.unwrap().unwrap();
    assert_eq!(first.row.fallback_to, Some(sms.id));
}
