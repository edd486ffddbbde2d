//! Copies of the database: a backup read piece by piece, and what is taken over from a database that was set aside.
//!
//! The caller writes the backup, with its own rights and wherever it may; the agent reads a file to import, with its own. What
//! a backup is, and whether a file is of use, is known to the store alone.

use std::path::PathBuf;

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::{
    Shared, TEST_PATIENCE,
    error::ApiError,
    input::{Body, Name, Query},
    order::Order,
};

/// What is asked of the store beside its daily work; a refusal is a sentence for the caller.
#[derive(Debug)]
pub enum Keep {
    /// Hold the file still.
    Begin(oneshot::Sender<Result<BackupBegun, String>>),
    /// A piece of it; an empty one is the end.
    Piece {
        /// Which one.
        asked: AskedPiece,
        /// Its bytes.
        reply: oneshot::Sender<Result<Vec<u8>, String>>,
    },
    /// The caller has all it wants.
    End(u64, oneshot::Sender<()>),
    /// Owe anew what is pending in another database.
    Import {
        /// The file.
        path: PathBuf,
        /// What came of it.
        reply: oneshot::Sender<Result<Imported, String>>,
    },
}

/// Which piece of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedPiece {
    /// Which backup.
    pub id: u64,
    /// Of the log, not of the file.
    pub log: bool,
    /// From which byte.
    pub from: u64,
}

/// A backup that has begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupBegun {
    /// Names it.
    pub id: u64,
    /// Bytes of the file; its log adds a few MiB at most.
    pub bytes: u64,
}

/// A piece of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Piece {
    /// Base64; empty at the end.
    pub data: String,
}

/// `POST /v1/outbox/import`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// The file, as the agent sees it.
    pub path: PathBuf,
}

/// What was taken over from another database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Imported {
    /// Deliveries that were pending there.
    pub found: u64,
    /// Those that are owed anew here; the others were known.
    pub owed: u64,
    /// Alerts that are open there and were taken up here, so that their end is heard.
    pub alerts: u64,
    /// What could not be read, for people; empty for a sound file.
    pub unreadable: Vec<String>,
}

/// `POST /v1/backup`
pub(super) async fn begin(State(shared): State<Shared>) -> Result<Json<BackupBegun>, ApiError> {
    let begun = shared.ask(|reply| Order::Keep(Keep::Begin(reply))).await?;
    begun.map(Json).map_err(ApiError::Refused)
}

/// Which piece.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Which {
    log: bool,
    from: u64,
}

/// `GET /v1/backup/{id}?log=&from=`
pub(super) async fn piece(
    State(shared): State<Shared>,
    Name(name): Name,
    Query(Which { log, from }): Query<Which>,
) -> Result<Json<Piece>, ApiError> {
    let id = id(&name)?;
    let asked = AskedPiece { id, log, from };
    let piece = shared
        .ask(|reply| Order::Keep(Keep::Piece { asked, reply }))
        .await?;
    let data = piece.map(|piece| BASE64.encode(piece));
    data.map(|data| Json(Piece { data }))
        .map_err(ApiError::Refused)
}

/// `POST /v1/backup/{id}/end`
pub(super) async fn end(
    State(shared): State<Shared>,
    Name(name): Name,
) -> Result<Json<serde_json::Value>, ApiError> {
    let id = id(&name)?;
    shared
        .ask(|reply| Order::Keep(Keep::End(id, reply)))
        .await?;
    Ok(Json(serde_json::json!({})))
}

/// `POST /v1/outbox/import`
pub(super) async fn import(
    State(shared): State<Shared>,
    Body(Import { path }): Body<Import>,
) -> Result<Json<Imported>, ApiError> {
    if !path.is_absolute() {
        let text = format!("`path` must be absolute, not {}", path.display());
        return Err(ApiError::Bad(text));
    }
    let order = |reply| Order::Keep(Keep::Import { path, reply });
    let imported = shared.ask_within(TEST_PATIENCE, order).await?;
    imported.map(Json).map_err(ApiError::Refused)
}

fn id(text: &str) -> Result<u64, ApiError> {
    let id = text.parse().ok();
    id.ok_or_else(|| ApiError::Bad(format!("{text:?} is no backup")))
}
