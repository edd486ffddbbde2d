//! `andon backup`: a copy of the database of the running agent, in a file of whoever asks.
//!
//! The agent only reads; the file is written with the caller's own rights, and checked, before it gets its name.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{
    client::Client,
    exit::{Exit, Failure},
    status::count,
    terminal::Terminal,
};
use crate::{
    api::keep::{BackupBegun, Piece},
    store::contents::{self, Contents},
};

/// Where to.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to make
    file: PathBuf,
    /// Replace it if it is there
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(
    args: &Args,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let file = &args.file;
    if let Ok(there) = fs::symlink_metadata(file) {
        let refused = match (there.is_file(), args.force) {
            (true, true) => None,
            (true, false) => Some("exists; --force replaces it"),
            (false, _) => Some("is no file; name another"),
        };
        if let Some(why) = refused {
            return Err(Failure::not_fine(format!("{} {why}", file.display())));
        }
    }
    let Some(name) = file.file_name() else {
        let text = format!("{} is no name of a file", file.display());
        return Err(Failure::usage(text));
    };
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".part");
    let part = Part(dir.join(hidden));
    let begun: BackupBegun = client.post(&["backup"], &serde_json::json!({})).await?;
    let id = begun.id.to_string();
    let read = fetch(&begun, &id, &part, client).await;
    // Whatever came of it, the agent need not hold its file any longer.
    let _: Result<serde_json::Value, Failure> = client
        .post(&["backup", &id, "end"], &serde_json::json!({}))
        .await;
    read?;
    let contents = contents::seal(&part.0, file).map_err(failed)?;
    let named = fs::rename(&part.0, file).and_then(|()| File::open(dir)?.sync_all());
    named.map_err(|error| Failure::not_fine(format!("cannot make {}: {error}", file.display())))?;
    terminal.line(format!(
        "{}: {}, {}, {}, checked",
        file.display(),
        size(contents.bytes),
        count(
            usize::try_from(contents.events).unwrap_or(usize::MAX),
            "event"
        ),
        count(
            usize::try_from(contents.open).unwrap_or(usize::MAX),
            "open alert"
        ),
    ))?;
    pending(&contents, terminal)?;
    Ok(Exit::Fine)
}

async fn fetch(begun: &BackupBegun, id: &str, part: &Part, client: &Client) -> Result<(), Failure> {
    let dir = part.0.parent().unwrap_or(Path::new("."));
    // The log, and the moment in which it flows into the file.
    contents::room(dir, begun.bytes + (8 << 20)).map_err(failed)?;
    for (log, path) in [(false, part.0.clone()), (true, part.log())] {
        let cannot = |error| Failure::not_fine(format!("cannot write {}: {error}", path.display()));
        let mut file = contents::create(&path).map_err(cannot)?;
        let mut from = 0;
        loop {
            let at = from.to_string();
            let query = [("log", if log { "true" } else { "false" }), ("from", &at)];
            let piece: Piece = client.get(&["backup", id], &query).await?;
            let bytes = BASE64.decode(&piece.data);
            let bytes = bytes.map_err(|error| {
                Failure::not_fine(format!("the agent's answer is not understood ({error})"))
            })?;
            if bytes.is_empty() {
                break;
            }
            file.write_all(&bytes).map_err(cannot)?;
            from += bytes.len() as u64;
        }
    }
    Ok(())
}

/// What is owed in a database, by destination.
pub(super) fn pending(contents: &Contents, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    if contents.pending.is_empty() {
        terminal.line("nothing is pending in it")?;
    }
    for of in &contents.pending {
        terminal.foreign(&format!(
            "pending for {}: {}, the oldest {} old",
            of.destination,
            of.pending,
            terminal.age(&of.oldest.to_string())
        ))?;
    }
    Ok(())
}

/// `12.3 MiB`
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

pub(super) fn failed(error: impl Into<anyhow::Error>) -> Failure {
    Failure::not_fine(format!("{:#}", error.into()))
}

/// The unfinished file; it goes with this value, unless it has got its name.
struct Part(PathBuf);

impl Part {
    fn log(&self) -> PathBuf {
        let mut log = self.0.clone().into_os_string();
        log.push("-wal");
        log.into()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.log());
        let _ = fs::remove_file(&self.0);
    }
}
