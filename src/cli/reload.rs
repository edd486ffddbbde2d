//! `andon reload`: the agent reads its configuration again, and keeps the one that runs if the new one is bad.

use super::{
    client::Client,
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::{api::view::Reloaded, destination::text::harmless};

pub(super) async fn run(client: &Client, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let reloaded: Reloaded = client.post(&["reload"], &serde_json::json!({})).await?;
    for warning in &reloaded.warnings {
        terminal.line(format!("warning: {}", harmless(warning, 2000)))?;
    }
    terminal.line(format!("configuration {} runs now", reloaded.hash))?;
    Ok(Exit::Fine)
}
