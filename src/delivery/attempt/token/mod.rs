//! Tokens by client credentials (RFC 6749, section 4.4): one at a time, kept in memory until shortly before it ends.
//!
//! A token is never logged and never stored. What the issuer says beside it is not repeated, as it may repeat our secret.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::Mutex;
use url::form_urlencoded::byte_serialize;

use crate::{
    clock::{Mono, Now},
    config::secret::SecretError,
    destination::{ClientAuth, OAuth2},
    link::http::{BuildError, Call, CallError, HttpClient, Settings},
};

/// How long a token is used whose issuer does not say.
const UNSAID: Duration = Duration::from_secs(5 * 60);
/// The longest time that one is used, whatever its issuer says.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// A token is not used in the last part of its life, so that it does not end on its way.
const BEFORE_ITS_END: Duration = Duration::from_secs(60);

/// The tokens of one destination.
#[derive(Debug)]
pub(super) struct Tokens {
    client: HttpClient,
    oauth2: OAuth2,
    /// Held while one is fetched, so that nobody fetches another meanwhile.
    kept: Mutex<Option<Token>>,
}

struct Token {
    text: String,
    until: Mono,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Why there is no token. Nothing of the request was sent to the destination then.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The secret cannot be read.
    #[error("the client secret for a token cannot be read")]
    Secret(#[source] SecretError),
    /// The issuer gave no answer.
    #[error("no token from {origin}")]
    NoAnswer {
        /// Who was asked.
        origin: String,
        /// Why not.
        #[source]
        error: CallError,
    },
    /// The issuer refuses.
    #[error(
        "no token from {origin}: HTTP {status}{code}; look at `client_id`, `client_secret` and `scope`"
    )]
    Refused {
        /// Who was asked.
        origin: String,
        /// The answer.
        status: u16,
        /// `, invalid_client`
        code: String,
    },
    /// The answer holds no token that could be used.
    #[error("no token from {origin}: {what}")]
    Nonsense {
        /// Who was asked.
        origin: String,
        /// What is wrong with the answer.
        what: &'static str,
    },
}

/// What an issuer answers (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
}

/// Some issuers write the number as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

#[derive(Deserialize)]
struct Problem {
    error: String,
}

impl Tokens {
    /// For an issuer; `way` is how the destination is reached, and so is the issuer, with a list of addresses of its own.
    pub(super) fn new(oauth2: &OAuth2, way: Settings) -> Result<Self, BuildError> {
        Ok(Self {
            client: HttpClient::new(&oauth2.token_url, way)?,
            oauth2: oauth2.clone(),
            kept: Mutex::default(),
        })
    }

    /// A token that is good now. Whoever asks while one is fetched waits for that one.
    ///
    /// # Errors
    /// [`TokenError`] when there is none.
    pub(super) async fn get(&self, now: Now) -> Result<String, TokenError> {
        let mut kept = self.kept.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| now.mono < token.until) {
            return Ok(token.text.clone());
        }
        *kept = None;
        let token = self.fetch(now).await?;
        let text = token.text.clone();
        *kept = Some(token);
        Ok(text)
    }

    /// The destination does not take this one. Another that was fetched meanwhile is kept.
    pub(super) async fn forget(&self, text: &str) {
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|token| token.text == text) {
            *kept = None;
        }
    }

    async fn fetch(&self, now: Now) -> Result<Token, TokenError> {
        let origin = || self.oauth2.origin();
        let call = self.call()?;
        let reply = self.client.send(&call, now.wall).await;
        let reply = reply.map_err(|error| TokenError::NoAnswer {
            origin: origin(),
            error,
        })?;
        if reply.status != 200 {
            return Err(TokenError::Refused {
                origin: origin(),
                status: reply.status,
                code: code(&reply.body),
            });
        }
        let nonsense = |what| TokenError::Nonsense {
            origin: origin(),
            what,
        };
        if reply.cut {
            return Err(nonsense("its answer is too long or broke off"));
        }
        // The parser's own words would quote the answer.
        let answer: Answer = serde_json::from_str(&reply.body).map_err(|_| {
            nonsense("its answer is not the JSON with an access_token that it should be")
        })?;
        let is_bearer = |kind: &String| kind.eq_ignore_ascii_case("bearer");
        if !answer.token_type.as_ref().is_none_or(is_bearer) {
            return Err(nonsense("its token is not of the type Bearer"));
        }
        // RFC 6750, section 2.1.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if answer.access_token.is_empty() || !answer.access_token.bytes().all(fits) {
            return Err(nonsense("its token has signs that no token can have"));
        }
        Ok(Token {
            text: answer.access_token,
            until: now.mono + usable_for(answer.expires_in.as_ref()),
        })
    }

    fn call(&self) -> Result<Call, TokenError> {
        let secret = self
            .oauth2
            .client_secret
            .reveal()
            .map_err(TokenError::Secret)?;
        let id = &self.oauth2.client_id;
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(self.oauth2.scope.as_deref().map(|scope| ("scope", scope)));
        form.extend(self.oauth2.audience.as_deref().map(|of| ("audience", of)));
        let mut headers = vec![
            (
                "content-type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            ),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        match self.oauth2.auth {
            ClientAuth::Basic => {
                let both = format!("{}:{}", encoded(id), encoded(&secret));
                let value = format!("Basic {}", STANDARD.encode(both));
                headers.push(("authorization".to_owned(), value));
            }
            ClientAuth::Body => {
                form.push(("client_id", id));
                form.push(("client_secret", &secret));
            }
        }
        let pairs = form.iter();
        let pairs = pairs.map(|(key, value)| format!("{key}={}", encoded(value)));
        Ok(Call {
            method: "POST",
            url: self.oauth2.token_url.clone(),
            headers,
            body: pairs.collect::<Vec<_>>().join("&"),
        })
    }
}

/// Form encoding with `%20` for a space, which those read rightly too that only undo percent signs.
fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

fn usable_for(said: Option<&Seconds>) -> Duration {
    let said = match said {
        None => None,
        Some(Seconds::Number(seconds)) => Some(*seconds),
        Some(Seconds::Text(text)) => text.trim().parse().ok(),
    };
    let life = said
        .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds.max(0.0)).ok())
        .unwrap_or(UNSAID)
        .min(LONGEST);
    life - BEFORE_ITS_END.min(life / 4)
}

/// The code of a refusal if it is one of RFC 6749's kind, which cannot hold a secret of ours.
fn code(body: &str) -> String {
    let problem: Option<Problem> = serde_json::from_str(body).ok();
    let fits = |error: &String| {
        error.len() <= 40
            && error
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let code = problem.map(|problem| problem.error).filter(fits);
    code.map_or_else(String::new, |code| format!(", {code}"))
}

#[cfg(test)]
mod tests;
