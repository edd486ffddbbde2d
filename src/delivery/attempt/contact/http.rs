//! What is kept of a receiver over HTTP: a client for each of its instances, and the token that it shows.

use super::{
    super::{
        chain,
        mask::Hidden,
        reach::{each_url, settings_of, token_settings},
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
        http::{BuildError, Call, CallError, HttpClient, Reply, Settings},
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A receiver as it is reached now. Made from files and secrets as they were then; see [`HttpContact::is_current`].
pub struct HttpContact {
    /// One for each instance, or why it cannot be reached.
    clients: Vec<Result<HttpClient, String>>,
    /// Where they are; none where that is in a secret that cannot be read.
    urls: Vec<Option<String>>,
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
    /// When an address is refused, or a certificate or secret cannot be used; of several instances one that is right is enough.
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
        let (clients, urls) = clients(access, &settings)?;
        let shown_to_proxy = shown_to_proxy(&settings)?;
        let tokens = match sign {
            Some(Signing::OAuth2(oauth2)) => {
                Some(Tokens::new(oauth2, token_settings(oauth2, access))?)
            }
            _ => None,
        };
        Ok(Self {
            clients,
            urls,
            tokens,
            material,
            shown_to_proxy,
        })
    }

    /// Whether the files and secrets that it was made from are still the same.
    pub fn is_current(&self, access: &Access) -> bool {
        self.material == settings_of(access).material()
            && each_url(access)
                .map(Result::ok)
                .eq(self.urls.iter().cloned())
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
            let hidden = self.hidden(request, &call);
            let reply = self.client(&call)?.send(&call, now.wall).await?;
            return Ok((reply, hidden));
        };
        let mut last = false;
        loop {
            let token = tokens.get(now).await?;
            let call = seal(request, id, seconds, Some(&token))?;
            let hidden = self.hidden(request, &call);
            let reply = self.client(&call)?.send(&call, now.wall).await?;
            if reply.status != 401 || last {
                return Ok((reply, hidden));
            }
            // It ended early, or the receiver has lost it. Nothing was accepted, so this is the same attempt.
            tokens.forget(&token).await;
            last = true;
        }
    }

    /// The client for the instance that a call is for; any other refuses what is for nobody.
    fn client(&self, call: &Call) -> Result<&HttpClient, CallError> {
        let usable = || self.clients.iter().flatten();
        let serving = usable().find(|client| client.serves(&call.url));
        let serving = serving.or_else(|| usable().next().filter(|_| self.clients.len() == 1));
        serving.ok_or_else(|| {
            let why = self.clients.iter().find_map(|client| client.as_ref().err());
            CallError::Unreachable(
                why.cloned()
                    .unwrap_or_else(|| "there is no way to it".to_owned()),
            )
        })
    }

    fn hidden(&self, request: &HttpRequest, call: &Call) -> Hidden {
        let mut shown = self.shown_to_proxy.clone();
        shown.extend(request.body.secrets());
        Hidden::of(call, &shown)
    }
}

/// The clients of all instances that can have one.
type Clients = (Vec<Result<HttpClient, String>>, Vec<Option<String>>);

fn clients(access: &Access, settings: &Settings) -> Result<Clients, BuildError> {
    let (mut clients, mut urls, mut first) = (Vec::new(), Vec::new(), None);
    for url in each_url(access) {
        urls.push(url.as_ref().ok().cloned());
        let client = url
            .map_err(BuildError::Secret)
            .and_then(|url| HttpClient::new(&url, settings.clone()));
        clients.push(match client {
            Ok(client) => Ok(client),
            Err(error) => {
                let why = chain(&error);
                first.get_or_insert(error);
                Err(why)
            }
        });
    }
    match first {
        Some(error) if clients.iter().all(Result::is_err) => Err(error),
        _ => Ok((clients, urls)),
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
