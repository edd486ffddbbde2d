//! `andon record`: everything that moves the running agent, as it happens, into a file of whoever asks.
//!
//! The agent only tells; the file is written with the caller's own rights, readable by the caller alone.

use std::{path::PathBuf, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    backup::{failed, size},
    client::Client,
    exit::{Exit, Failure},
    run::stop_by_signal,
    terminal::Terminal,
};
use crate::{
    config::section::{Size, parse_duration},
    destination::text::lasting,
    recording::{
        csv,
        file::{FileError, RecordingFile},
        line::Line,
    },
};

/// The agent gives a sign of life every 5 s.
const SILENCE: Duration = Duration::from_secs(30);
const FOREVER: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Where to, and for how long.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to make
    #[arg(long = "to", value_name = "FILE")]
    file: PathBuf,
    /// End after this time: 10m, 8h [default: on Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// End when the file would become larger
    #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = "256MiB")]
    max_size: u64,
    /// Samples alone, as CSV; it cannot be replayed
    #[arg(long)]
    csv: bool,
}

pub(super) async fn run(
    args: &Args,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let file = RecordingFile::create(&args.file, args.max_size).map_err(failed)?;
    let mut sheet = Sheet {
        file,
        rows: args.csv.then(csv::Rows::default),
        lines: 0,
        missing: 0,
        ended: false,
    };
    let recorded = follow(args, client, &mut sheet, terminal).await;
    terminal.progress("")?;
    let ended = match recorded {
        Ok(ended) => ended,
        Err(failure) => {
            if sheet.file.written() == 0 {
                let _ = std::fs::remove_file(&args.file);
            }
            return Err(failure);
        }
    };
    let (lines, missing, bytes) = (sheet.lines, sheet.missing, sheet.file.written());
    let why = match &ended {
        Ended::Asked => Some("as long as was asked for".to_owned()),
        Ended::Stopped => Some("ended by hand".to_owned()),
        Ended::Agent if sheet.ended => None,
        Ended::Agent => Some("the agent went away".to_owned()),
        Ended::Silent => Some("the agent fell silent".to_owned()),
        Ended::Full(error) => Some(error.to_string()),
    };
    let end = why.filter(|_| sheet.rows.is_none());
    sheet.file.end(end.as_deref()).map_err(failed)?;
    let name = args.file.display();
    terminal.line(format!("{name}: {lines} lines, {}", size(bytes)))?;
    if !args.csv {
        terminal.line(format!("andon replay {name}   decides the same again"))?;
    }
    if missing > 0 {
        return Err(Failure::not_fine(format!(
            "{missing} inputs are missing, because they were not taken in time: is {name} on a slow disk?"
        )));
    }
    match ended {
        Ended::Asked | Ended::Stopped => Ok(Exit::Fine),
        Ended::Agent => Err(Failure::not_fine(
            "the agent went away, so the recording ends here",
        )),
        Ended::Silent => Err(Failure::not_fine(
            "the agent fell silent, so the recording ends here",
        )),
        Ended::Full(error) => Err(failed(error)),
    }
}

/// Why a recording is over.
enum Ended {
    Asked,
    Stopped,
    Agent,
    Silent,
    Full(FileError),
}

async fn follow(
    args: &Args,
    client: &Client,
    sheet: &mut Sheet,
    terminal: &mut Terminal<'_>,
) -> Result<Ended, Failure> {
    let mut flow = client.follow(&["recording"]).await?;
    sheet.head()?;
    let stop = CancellationToken::new();
    let signals = tokio::spawn(stop_by_signal(stop.clone()));
    let over = tokio::time::sleep(args.duration.unwrap_or(FOREVER));
    tokio::pin!(over);
    let mut waiting = Vec::new();
    let ended = loop {
        let piece = tokio::select! {
            () = stop.cancelled() => break Ended::Stopped,
            () = &mut over => break Ended::Asked,
            piece = tokio::time::timeout(SILENCE, flow.next()) => piece,
        };
        match piece {
            Err(_) => break Ended::Silent,
            Ok(None) => break Ended::Agent,
            Ok(Some(bytes)) => waiting.extend(bytes),
        }
        // A piece may end in the middle of a line; only whole ones are written.
        let Some(last) = waiting.iter().rposition(|byte| *byte == b'\n') else {
            continue;
        };
        let rest = waiting.split_off(last + 1);
        let lines = std::mem::replace(&mut waiting, rest);
        match sheet.put(&String::from_utf8_lossy(&lines)) {
            Ok(()) => {}
            Err(error @ FileError::Write { .. }) => return Err(failed(error)),
            Err(error) => break Ended::Full(error),
        }
        let (lines, bytes) = (sheet.lines, size(sheet.file.written()));
        let left = args
            .duration
            .map_or_else(String::new, |duration| format!(" of {}", lasting(duration)));
        terminal.progress(&format!("recording{left}: {lines} lines, {bytes}"))?;
    };
    signals.abort();
    Ok(ended)
}

/// The file, and what goes into it.
struct Sheet {
    file: RecordingFile,
    /// Samples alone.
    rows: Option<csv::Rows>,
    lines: u64,
    missing: u64,
    /// The agent has said that it is the end.
    ended: bool,
}

impl Sheet {
    fn head(&mut self) -> Result<(), Failure> {
        match self.rows {
            Some(_) => self.file.put(csv::HEAD).map_err(failed),
            None => Ok(()),
        }
    }

    fn put(&mut self, text: &str) -> Result<(), FileError> {
        // An empty line is only a sign of life.
        for line in text.lines().filter(|line| !line.is_empty()) {
            let gap = line.starts_with("{\"gap\":");
            self.ended |= line.starts_with("{\"end\":");
            if self.rows.is_some() || gap {
                let Ok(read) = serde_json::from_str::<Line>(line) else {
                    continue;
                };
                if let Line::Gap(gap) = &read {
                    self.missing += gap.inputs;
                }
                if let Some(rows) = &mut self.rows {
                    let rows = rows.of(&read);
                    self.file.put(&rows)?;
                    self.lines += rows.lines().count() as u64;
                    continue;
                }
            }
            self.file.put(&format!("{line}\n"))?;
            self.lines += 1;
        }
        self.file.flush()
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "must be like 30s, 10m or 8h".to_owned())
}

/// A size for a recording.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let size = Size::parse(text).filter(|size| size.0 >= LEAST);
    size.map(|size| size.0)
        .ok_or_else(|| "must be like 64MiB or 2GiB, at least 64KiB".to_owned())
}

/// A smaller file would not hold how it begins.
const LEAST: u64 = 64 << 10;
