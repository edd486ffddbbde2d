//! The verbs' way to the running agent: its API over the Unix socket.

use std::{
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use super::{
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::{
    api::{view::SiteView, wire::Fault},
    clock::Wall,
    link::http::{Call, Flow, HttpClient, Reply},
};

/// Longer than anything takes there: a test of a destination waits for somebody outside.
const TIMEOUT: Duration = Duration::from_secs(100);
/// For what has no end of its own.
const FOREVER: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// The longest answer, in bytes: a site with tens of thousands of tags.
const ANSWER_LIMIT: usize = 64 << 20;
/// The host that the URLs name; the socket leads to the agent whatever it is.
const BASE: &str = "http://andon/v1";

/// A client of one agent.
pub(super) struct Client {
    http: HttpClient,
    socket: PathBuf,
    now: Wall,
}

impl Client {
    /// A client of the agent behind this socket, if one is there.
    pub(super) fn new(socket: &Path, now: Wall) -> Result<Self, Failure> {
        UnixStream::connect(socket).map_err(|error| nobody(socket, &error))?;
        let http = HttpClient::over_unix_socket(socket, TIMEOUT, ANSWER_LIMIT)
            .map_err(|error| Failure::not_fine(error.to_string()))?;
        let socket = socket.to_owned();
        Ok(Self { http, socket, now })
    }

    /// Asks for something.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        self.exchange("GET", path, query, String::new()).await
    }

    /// Asks for something to be done.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_string(body);
        let body = body.map_err(|error| Failure::not_fine(error.to_string()))?;
        self.exchange("POST", path, &[], body).await
    }

    /// Asks for something that is told as it happens; the caller says when it has enough.
    pub(super) async fn follow(&self, path: &[&str]) -> Result<Flow, Failure> {
        let call = Call {
            method: "POST",
            url: url(path, &[]),
            headers: Vec::new(),
            body: String::new(),
        };
        let http = HttpClient::over_unix_socket(&self.socket, FOREVER, ANSWER_LIMIT)
            .map_err(|error| Failure::not_fine(error.to_string()))?;
        let flow = http.open(&call).await;
        let flow = flow.map_err(|error| Failure::not_fine(format!("the agent: {error}")))?;
        flow.map_err(|reply| refused(&reply))
    }

    /// Times are told from here on as the agent's texts tell them: in the site's zone, and ages by its clock. Where it does not
    /// say, they stay in the zone of this machine.
    pub(super) async fn tell_time(&self, terminal: &mut Terminal<'_>) {
        if let Ok(site) = self.get::<SiteView>(&["site"], &[]).await {
            terminal.adopt(&site.timezone, &site.now);
        }
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &[&str],
        query: &[(&str, &str)],
        body: String,
    ) -> Result<T, Failure> {
        let call = Call {
            method,
            url: url(path, query),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body,
        };
        let reply = self.http.send(&call, self.now).await;
        let reply = reply.map_err(|error| Failure::not_fine(format!("the agent: {error}")))?;
        if !(200..300).contains(&reply.status) {
            return Err(refused(&reply));
        }
        serde_json::from_str(&reply.body).map_err(|error| {
            let text = if reply.cut {
                "the agent's answer broke off or is too long".to_owned()
            } else {
                format!("the agent's answer is not understood ({error}); is it of another version?")
            };
            Failure::not_fine(text)
        })
    }
}

fn url(path: &[&str], query: &[(&str, &str)]) -> String {
    let mut url = Url::parse(BASE).expect("the base is a URL");
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.extend(path);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url.into()
}

fn refused(reply: &Reply) -> Failure {
    let fault: Fault = serde_json::from_str(&reply.body).unwrap_or_default();
    let exit = match reply.status {
        400 => Exit::Usage,
        _ if !fault.problems.is_empty() => Exit::Configuration,
        _ => Exit::NotFine,
    };
    if fault.error.is_empty() {
        return Failure::said(format!("the agent answered {}", reply.status), exit);
    }
    let lines: Vec<String> = std::iter::once(fault.error).chain(fault.problems).collect();
    Failure::said(lines.join("\n"), exit)
}

fn nobody(socket: &Path, error: &io::Error) -> Failure {
    const START: &str =
        "start it with `andon run`, or say where it is with --socket or $ANDON_SOCKET";
    let socket = socket.display();
    Failure::not_fine(match error.kind() {
        io::ErrorKind::NotFound => format!("no agent is running: there is no {socket}; {START}"),
        io::ErrorKind::ConnectionRefused => {
            format!("no agent is running: nobody listens on {socket}; {START}")
        }
        io::ErrorKind::PermissionDenied => format!(
            "you may not talk to the agent: {socket} is for its owner and group; use sudo, or join that group"
        ),
        _ => format!("the agent cannot be reached over {socket}: {error}"),
    })
}
