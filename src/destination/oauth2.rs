//! The sign scheme `oauth2`: a token by client credentials (RFC 6749, section 4.4), as configured. Getting one is not done here.

use super::Allowed;
use crate::config::{secret::Secret, section::Section};

/// Where tokens come from and who asks for them.
#[derive(Clone, PartialEq)]
pub struct OAuth2 {
    /// May hold a tenant or more, so `Debug` shows its host only.
    pub token_url: String,
    /// Who asks.
    pub client_id: String,
    /// How that is proved.
    pub client_secret: Secret,
    /// What the token is for, as its issuer wants it.
    pub scope: Option<String>,
    /// Whom the token is for; some issuers want it.
    pub audience: Option<String>,
    /// Where the secret goes.
    pub auth: ClientAuth,
    /// Plain HTTP is allowed to the issuer.
    pub allow_http: bool,
    /// What of the issuer may be dialled although it is not public; what the destination allows is for the destination.
    pub allow_addresses: Vec<Allowed>,
}

/// How the issuer hears the client's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// In the header `Authorization`, which every issuer must take.
    Basic,
    /// In the body.
    Body,
}

impl OAuth2 {
    /// Reads the keys beside `scheme`.
    pub(super) fn read(sign: &Section<'_>) -> Option<Self> {
        let token_url: Option<String> = sign.required("token_url");
        let client_id: Option<String> = sign.required("client_id");
        let client_secret: Option<Secret> = sign.required("client_secret");
        let auth = [("basic", ClientAuth::Basic), ("body", ClientAuth::Body)];
        let oauth2 = (
            sign.optional::<String>("scope"),
            sign.optional::<String>("audience"),
            sign.word("auth", &auth).unwrap_or(ClientAuth::Basic),
            sign.get("allow_http", false),
            sign.get("allow_addresses", Vec::new()),
        );
        if client_id.as_ref().is_some_and(String::is_empty) {
            sign.error("client_id", "must not be empty");
        }
        let token_url = token_url?;
        if let Err(error) = url::Url::parse(&token_url) {
            sign.error(
                "token_url",
                format!(
                    "is not a url ({error}); write it like https://login.example.com/oauth2/token"
                ),
            );
            return None;
        }
        let (scope, audience, auth, allow_http, allow_addresses) = oauth2;
        Some(Self {
            token_url,
            client_id: client_id?,
            client_secret: client_secret?,
            scope,
            audience,
            auth,
            allow_http,
            allow_addresses,
        })
    }

    /// Scheme, host and port of the issuer.
    pub fn origin(&self) -> String {
        super::access::origin(&self.token_url)
    }
}

impl std::fmt::Debug for OAuth2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuth2")
            .field("origin", &self.origin())
            .field("client_id", &self.client_id)
            .field("scope", &self.scope)
            .field("audience", &self.audience)
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}
