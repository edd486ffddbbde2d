//! Machines that were discovered are remembered until they are forgotten, whatever the disk does.

use super::*;

fn row(id: &str, body: &str, seconds: i64) -> MachineRow {
    MachineRow {
        id: id.to_owned(),
        source: "cell-broker".to_owned(),
        body: body.to_owned(),
        first_seen: at(seconds).wall,
    }
}

fn learned(machines: Vec<MachineRow>, forgotten: &[&str]) -> Commit {
    Commit {
        machines,
        forgotten_machines: forgotten.iter().map(ToString::to_string).collect(),
        mark: mark(1),
        ..Commit::default()
    }
}

fn found(dir: &Path) -> Vec<MachineRow> {
    open(dir).restored.machines
}

#[tokio::test]
async fn a_machine_stays_with_what_was_learned_last_until_it_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let first = learned(vec![row("press-1", "1", 5), row("press-2", "2", 6)], &[]);
    assert!(!first.is_empty() && !learned(vec![], &["press-1"]).is_empty());
    store.commit(first).await.unwrap();
    // When it was first seen does not change with what is learned later.
    store
        .commit(learned(vec![row("press-1", "3", 9)], &[]))
        .await
        .unwrap();
    store.close().await.unwrap();
    let Opened {
        store, restored, ..
    } = open(dir.path());
    let expected = [row("press-1", "3", 5), row("press-2", "2", 6)];
    assert_eq!(restored.machines, expected);
    // Forgotten and heard again in one commit, it is another one.
    store
        .commit(learned(
            vec![row("press-2", "4", 20)],
            &["press-1", "press-2"],
        ))
        .await
        .unwrap();
    store.close().await.unwrap();
    assert_eq!(found(dir.path()), [row("press-2", "4", 20)]);
}

#[tokio::test]
async fn what_is_learned_and_forgotten_in_memory_mode_comes_home() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    store
        .commit(learned(
            vec![row("press-1", "1", 5), row("press-2", "2", 6)],
            &[],
        ))
        .await
        .unwrap();
    store.lose_disk().await;
    let committed = store
        .commit(learned(vec![row("press-3", "3", 7)], &["press-1"]))
        .await
        .unwrap();
    assert!(!committed.durable);
    store.find_disk().await;
    store.close().await.unwrap();
    assert_eq!(
        found(dir.path()),
        [row("press-2", "2", 6), row("press-3", "3", 7)]
    );
}
