//! Copies of the database: backups for whoever asks, and what is taken over from a database that was set aside.
//!
//! The work itself is done beside the loop, in short jobs of the store. Only alerts that are taken up go through the loop, because
//! the core decides about them: as at a restart, they go on from what was saved.

use std::{collections::BTreeSet, path::PathBuf};

use tokio::sync::{mpsc, oneshot};

use super::{AgentError, Loop};
use crate::{
    alert::{engine::Input, state::SavedWatch},
    api::keep::{BackupBegun, Imported, Keep},
    clock::{BootId, Clock},
    delivery::dispatch::{Job, Owed},
    store::{Store, backup::Part, import::Source},
};

/// Alerts that were open in another database, on their way into the core; the answer is how many go on.
pub(super) type TakenUp = (Vec<SavedWatch>, oneshot::Sender<u64>);

impl Loop {
    /// Does what is asked of the store beside its daily work.
    pub(super) async fn keep(&mut self, keep: Keep) -> Result<(), AgentError> {
        let store = self.store.clone();
        match keep {
            Keep::Begin(reply) => {
                self.housekeeping.spawn(async move {
                    let begun = store.begin_backup().await.map(|begun| BackupBegun {
                        id: begun.id,
                        bytes: begun.bytes,
                    });
                    let _ = reply.send(begun.map_err(sentence));
                });
            }
            Keep::Piece { asked, reply } => {
                let part = match asked.log {
                    true => Part::Log,
                    false => Part::File,
                };
                self.housekeeping.spawn(async move {
                    let piece = store.backup_piece(asked.id, part, asked.from).await;
                    let _ = reply.send(piece.map_err(sentence));
                });
            }
            Keep::End(id, reply) => {
                self.housekeeping.spawn(async move {
                    if let Err(error) = store.end_backup(id).await {
                        tracing::warn!("a backup was not ended: {}", sentence(error));
                    }
                    let _ = reply.send(());
                });
            }
            Keep::Import { path, reply } => {
                let import = Import {
                    path,
                    dir: self.loaded.settings.agent.data_dir.clone(),
                    store,
                    jobs: self.recorder.jobs.clone(),
                    taken_up: self.taken_up.0.clone(),
                    boot: self.recorder.boot.clone(),
                    clock: self.clock.clone(),
                };
                self.housekeeping.spawn(async move {
                    let imported = import.run().await;
                    if let Ok(imported) = &imported {
                        tracing::info!(
                            found = imported.found,
                            owed = imported.owed,
                            alerts = imported.alerts,
                            unreadable = imported.unreadable.len(),
                            "what another database owed is owed here"
                        );
                    }
                    let _ = reply.send(imported);
                });
            }
        }
        Ok(())
    }

    /// Alerts that were open elsewhere go on here, where their watch has none of its own by now.
    pub(super) async fn take_up(&mut self, (watches, reply): TakenUp) -> Result<(), AgentError> {
        let now = self.clock.now();
        let open: BTreeSet<String> = self
            .engine
            .open_alerts(now)
            .iter()
            .map(|alert| format!("{}\n{}", alert.rule, alert.machine))
            .collect();
        let (go_on, late): (Vec<SavedWatch>, Vec<SavedWatch>) = watches
            .into_iter()
            .partition(|saved| !open.contains(&format!("{}\n{}", saved.rule, saved.subject)));
        let numbers = |watches: &[SavedWatch]| -> Vec<u64> {
            let episodes = watches.iter().filter_map(|saved| saved.episode.as_ref());
            episodes.map(|episode| episode.number).collect()
        };
        let count = go_on.len() as u64;
        if count > 0 {
            let boot = self.recorder.boot.clone();
            let decided = self
                .engine
                .step(now, Input::Watches(Box::new((boot, go_on))));
            self.commit(&decided.events, now).await?;
        }
        if !late.is_empty() {
            self.store.let_go(numbers(&late)).await?;
        }
        let _ = reply.send(count);
        Ok(())
    }

    /// After what a start had to say is on disk: that the database came from a backup is told once.
    pub(super) async fn told_of_backup(&mut self) -> Result<(), AgentError> {
        if std::mem::take(&mut self.put_back) {
            self.store.told_put_back().await?;
        }
        Ok(())
    }
}

/// One import, beside the loop.
struct Import {
    path: PathBuf,
    dir: PathBuf,
    store: Store,
    jobs: mpsc::Sender<Job>,
    taken_up: mpsc::Sender<TakenUp>,
    boot: BootId,
    clock: Clock,
}

impl Import {
    async fn run(self) -> Result<Imported, String> {
        let (path, dir) = (self.path.clone(), self.dir.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let mut source = Source::open(&path, &dir)?;
            let watches = source.open_watches();
            Ok::<_, crate::store::contents::UnusableFile>((source, watches))
        });
        let opened = opened.await;
        // The words of a panic are not for an answer.
        let opened =
            opened.map_err(|_| "reading it failed, which is a defect of andon".to_owned())?;
        let (source, rows) = opened.map_err(sentence)?;
        // Signals of the other agent about itself are of its time.
        let saved = rows
            .iter()
            .filter_map(|row| serde_json::from_str::<SavedWatch>(&row.blob).ok())
            .filter(|saved| saved.face.is_none() && saved.episode.is_some());
        let mut saved: Vec<SavedWatch> = saved.collect();
        let number = |saved: &SavedWatch| saved.episode.as_ref().map(|episode| episode.number);
        let numbers = saved.iter().filter_map(number).collect();
        let taken = self.store.take_up(source, numbers).await;
        let (mut source, taken) = taken.map_err(sentence)?;
        saved.retain(|saved| number(saved).is_some_and(|number| taken.contains(&number)));
        let mut imported = Imported::default();
        loop {
            let step = self.store.import(source).await.map_err(sentence)?;
            imported.found += step.found;
            imported.owed += step.owed.len() as u64;
            let now = self.clock.now();
            let owed: Vec<Owed> = step
                .owed
                .iter()
                .filter_map(|row| Owed::read(row, &self.boot, now))
                .collect();
            if !owed.is_empty() {
                let _ = self.jobs.send(Job::Imported(owed)).await;
            }
            source = step.source;
            if step.done {
                break;
            }
        }
        imported.unreadable = std::mem::take(&mut source.unreadable);
        if !saved.is_empty() {
            let (reply, answer) = oneshot::channel();
            let _ = self.taken_up.send((saved, reply)).await;
            imported.alerts = answer.await.map_err(sentence)?;
        }
        Ok(imported)
    }
}

fn sentence(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
