//! Recordings that a person asked for: of a run from its start into a file, or of a running agent to whoever reads along.

use std::path::Path;

use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    Loop,
    core::{self, Core},
};
use crate::{
    alert::{event::Event, state::Durable},
    clock::{BootId, Now},
    config::Loaded,
    recording::{
        file::{FileError, RecordingFile},
        line::Begin,
        reel::{QUEUE, Reel, recording},
    },
};

/// How a run began.
pub(super) struct Began<'e> {
    /// What was on disk.
    pub(super) durable: Durable,
    /// What ids are made from where that does not say.
    pub(super) seed: [u8; 16],
    /// What the start itself decided.
    pub(super) ends: &'e [Event],
    pub(super) at: Now,
}

/// Records a run from its start. Where that cannot be, the plant is watched all the same.
pub(super) fn of_run(
    engine: &mut Core,
    began: Began<'_>,
    loaded: &Loaded,
    boot: &BootId,
    path: &Path,
    most: u64,
) -> Option<JoinHandle<()>> {
    let file = match RecordingFile::create(path, most) {
        Ok(file) => file,
        Err(error) => {
            let error = anyhow::Error::from(error);
            tracing::error!("this run is not recorded: {error:#}");
            return None;
        }
    };
    let begin = Begin {
        seed: began
            .seed
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        events: began.ends.iter().map(Into::into).collect(),
        ..core::begin(engine, loaded.hash.clone(), began.durable, began.at, boot)
    };
    let (tap, reel) = recording(begin, QUEUE);
    engine.listen(tap);
    tracing::warn!(
        "this run is recorded into {}, samples included, up to {} MiB",
        path.display(),
        most >> 20
    );
    Some(tokio::task::spawn_blocking(move || write(reel, file)))
}

/// Writes until the recording is over or its file is full.
fn write(mut reel: Reel, mut file: RecordingFile) {
    while let Some(lines) = reel.next_text() {
        if let Err(error) = file.put(&lines).and_then(|()| file.flush()) {
            let why = match &error {
                FileError::Write { .. } => None,
                _ => Some(error.to_string()),
            };
            let error = anyhow::Error::from(error);
            tracing::error!("the recording of this run ends here: {error:#}");
            if let Some(why) = why {
                end(file, Some(&why));
            }
            return;
        }
    }
    end(file, None);
}

fn end(file: RecordingFile, why: Option<&str>) {
    if let Err(error) = file.end(why) {
        let error = anyhow::Error::from(error);
        tracing::error!("the recording of this run is not whole: {error:#}");
    }
}

impl Loop {
    /// Begins a recording for whoever asked.
    pub(super) fn record(&mut self, by: &str, reply: oneshot::Sender<Result<Reel, String>>) {
        let configuration = self.loaded.hash.clone();
        let reel = self.engine.record(configuration, &self.recorder.boot);
        if reel.is_ok() {
            tracing::info!(by, "a recording begins, samples included");
        }
        let _ = reply.send(reel);
    }
}
