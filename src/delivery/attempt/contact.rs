//! What is kept of a receiver between attempts: a client, and the token that it shows.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use thiserror::Error;

use super::{
    mask::Hidden,
    reach::{settings_of, token_settings},
    token::{TokenError, Tokens},
};
use crate::{
    clock::Now,
    delivery::signature::{SealError, seal},
    destination::{Access, HttpRequest, Signing},
    link::{
        certificate::Witness,
        http::{BuildError, CallError, HttpClient, Reply, Settings},
    },
};

/// A receiver as it is reached now. Made from files and secrets as they were then; see [`Contact::is_current`].
pub struct Contact {
    client: HttpClient,
    tokens: Option<Tokens>,
    material: [u8; 32],
    /// What a proxy on the way is shown, which it may repeat in a complaint.
    shown_to_proxy: Vec<String>,
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contact").finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum SendError {
    /// A secret cannot be used.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// There is no token to show.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The receiver was not reached, or did not answer.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Contact {
    /// Opens nothing yet. The witness notes what certificate the receiver shows.
    ///
    /// # Errors
    /// When an address is refused, or a certificate or secret cannot be used.
    pub fn new(
        access: &Access,
        sign: Option<&Signing>,
        witness: Option<Witness>,
    ) -> Result<Self, BuildError> {
        let settings = Settings {
            witness,
            ..settings_of(access)
        };
        let material = settings.material();
        let shown_to_proxy = shown_to_proxy(&settings)?;
        let tokens = match sign {
            Some(Signing::OAuth2(oauth2)) => {
                Some(Tokens::new(oauth2, token_settings(oauth2, access))?)
            }
            _ => None,
        };
        Ok(Self {
            client: HttpClient::new(&access.url, settings)?,
            tokens,
            material,
            shown_to_proxy,
        })
    }

    /// Whether the files and secrets that it was made from are still the same.
    pub fn is_current(&self, access: &Access) -> bool {
        self.material == settings_of(access).material()
    }

    /// Seals and sends once, and once more with a new token if the receiver does not know the one that is kept.
    ///
    /// What of the request must not be repeated comes beside the answer.
    ///
    /// # Errors
    /// [`SendError`] when there is no answer.
    pub async fn send(
        &self,
        request: &HttpRequest,
        id: &str,
        now: Now,
    ) -> Result<(Reply, Hidden), SendError> {
        let seconds = now.wall.as_seconds();
        let Some(tokens) = &self.tokens else {
            let call = seal(request, id, seconds, None)?;
            let reply = self.client.send(&call, now.wall).await?;
            return Ok((reply, Hidden::of(&call, &self.shown_to_proxy)));
        };
        let mut last = false;
        loop {
            let token = tokens.get(now).await?;
            let call = seal(request, id, seconds, Some(&token))?;
            let reply = self.client.send(&call, now.wall).await?;
            if reply.status != 401 || last {
                return Ok((reply, Hidden::of(&call, &self.shown_to_proxy)));
            }
            // It ended early, or the receiver has lost it. Nothing was accepted, so this is the same attempt.
            tokens.forget(&token).await;
            last = true;
        }
    }
}

fn shown_to_proxy(settings: &Settings) -> Result<Vec<String>, BuildError> {
    let Some((user, password)) = settings
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.user.as_ref())
    else {
        return Ok(Vec::new());
    };
    let password = password.reveal().map_err(BuildError::Secret)?;
    let both = STANDARD.encode(format!("{user}:{}", &*password));
    Ok(vec![password.to_string(), both])
}
