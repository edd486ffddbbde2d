//! What is kept of a receiver over HTTP: a client for each of its instances, and the token that it shows.

use super::{
    super::{
        mask::Hidden,
        reach::{settings_of, token_settings, urls_of},
        token::Tokens,
    },
    SendError,
};
use crate::{
    clock::Now,
    delivery::signature::seal,
    destination::{Access, HttpRequest, Signing},
    link::{
        certificate::Witness,
        http::{BuildError, Call, HttpClient, Reply, Settings},
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A receiver as it is reached now. Made from files and secrets as they were then; see [`HttpContact::is_current`].
pub struct HttpContact {
    clients: Vec<HttpClient>,
    urls: Vec<String>,
    tokens: Option<Tokens>,
    material: [u8; 32],
    /// What a proxy on the way is shown, which it may repeat in a complaint.
    shown_to_proxy: Vec<String>,
}

impl std::fmt::Debug for HttpContact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpContact").finish_non_exhaustive()
    }
}

impl HttpContact {
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
        let urls = urls_of(access).map_err(BuildError::Secret)?;
        let shown_to_proxy = shown_to_proxy(&settings)?;
        let tokens = match sign {
            Some(Signing::OAuth2(oauth2)) => {
                Some(Tokens::new(oauth2, token_settings(oauth2, access))?)
            }
            _ => None,
        };
        Ok(Self {
            clients: urls
                .iter()
                .map(|url| HttpClient::new(url, settings.clone()))
                .collect::<Result<_, _>>()?,
            urls,
            tokens,
            material,
            shown_to_proxy,
        })
    }

    /// Whether the files and secrets that it was made from are still the same.
    pub fn is_current(&self, access: &Access) -> bool {
        self.material == settings_of(access).material()
            && urls_of(access).is_ok_and(|urls| urls == self.urls)
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
            let reply = self.client(&call).send(&call, now.wall).await?;
            return Ok((reply, self.hidden(request, &call)));
        };
        let mut last = false;
        loop {
            let token = tokens.get(now).await?;
            let call = seal(request, id, seconds, Some(&token))?;
            let reply = self.client(&call).send(&call, now.wall).await?;
            if reply.status != 401 || last {
                return Ok((reply, self.hidden(request, &call)));
            }
            // It ended early, or the receiver has lost it. Nothing was accepted, so this is the same attempt.
            tokens.forget(&token).await;
            last = true;
        }
    }

    /// The client for the instance that a call is for; any other refuses what is for nobody.
    fn client(&self, call: &Call) -> &HttpClient {
        let mut clients = self.clients.iter();
        let serving = clients.find(|client| client.serves(&call.url));
        serving.unwrap_or(&self.clients[0])
    }

    fn hidden(&self, request: &HttpRequest, call: &Call) -> Hidden {
        let mut shown = self.shown_to_proxy.clone();
        shown.extend(request.body.secrets());
        Hidden::of(call, &shown)
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
