//! What is kept of a file: that only one line at a time is written to it.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Mutex, task::spawn_blocking, time::timeout};

use super::SendError;
use crate::{destination::LogFile, link::file::Log};

/// How long a line may take. A disk that hangs must not hold an attempt for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// A file as it is written to now.
#[derive(Debug)]
pub struct FileContact {
    log: Arc<Log>,
    /// Held by the write itself, also when nobody waits for it any more: of all that hangs there is one thread.
    one: Arc<Mutex<()>>,
}

impl FileContact {
    /// Opens nothing.
    pub(super) fn new(file: &LogFile) -> Self {
        Self {
            log: Arc::new(Log {
                path: file.path.clone(),
                rotate_at: file.rotate_at,
                keep: file.keep,
                sync: file.sync,
            }),
            one: Arc::default(),
        }
    }

    /// Writes a line, and says so.
    pub(super) async fn send(&self, line: &str) -> Result<String, SendError> {
        let (log, line) = (Arc::clone(&self.log), line.to_owned());
        let written = timeout(PATIENCE, async {
            let one = Arc::clone(&self.one).lock_owned().await;
            spawn_blocking(move || {
                let written = log.append(&line);
                drop(one);
                written
            })
            .await
        });
        let path = self.log.path.display();
        match written.await {
            Ok(Ok(Ok(()))) => Ok(format!("written to {path}")),
            Ok(Ok(Err(why))) => Err(SendError::Unreachable(why)),
            Ok(Err(_)) => Err(SendError::Failed(format!("writing to {path} broke off"))),
            Err(_) => Err(SendError::Failed(format!(
                "{path} did not take a line within {} s; look at its disk",
                PATIENCE.as_secs()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_that_are_written_at_once_are_whole_and_none_is_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let contact = Arc::new(FileContact::new(&LogFile {
            path: folder.path().join("alerts.jsonl"),
            rotate_at: 4096,
            keep: 100,
            sync: false,
        }));
        let mut all = tokio::task::JoinSet::new();
        for number in 0..200 {
            let contact = Arc::clone(&contact);
            all.spawn(async move { contact.send(&format!("{number:0>99}")).await });
        }
        while let Some(sent) = all.join_next().await {
            let said = sent.expect("a task").expect("written");
            assert!(said.starts_with("written to /"), "{said}");
        }
        let mut found: Vec<u32> = Vec::new();
        for entry in folder.path().read_dir().expect("a folder") {
            let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a text");
            assert!(text.len() <= 4096);
            found.extend(
                text.lines()
                    .map(|line| line.parse::<u32>().expect("a whole line")),
            );
        }
        found.sort_unstable();
        assert_eq!(found, (0..200).collect::<Vec<_>>());
    }
}
