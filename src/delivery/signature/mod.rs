//! Seals a request for one attempt: reads its secrets afresh and signs its exact bytes.
//!
//! The id of the event stays the same over all attempts, the time is that of this attempt. Nothing here decides how a
//! destination is signed; that is its configuration.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;
use url::Url;

use crate::{
    config::secret::{Secret, SecretError},
    destination::{HttpRequest, NO_KEY, Signing, signing_key},
    link::http::Call,
};

mod sigv4;

/// Why a request cannot be sealed. Never holds any of the secret.
#[derive(Debug, Error)]
pub enum SealError {
    /// A secret cannot be read.
    #[error("a secret of the destination cannot be read")]
    Secret(#[from] SecretError),
    /// A signing key is not what Standard Webhooks wants.
    #[error("a signing secret {NO_KEY}")]
    Key,
    /// Whoever sends has not brought the token that the destination wants.
    #[error("there is no token to show")]
    NoToken,
    /// The signature is over the host, and there is none.
    #[error("the url cannot be read")]
    Url(#[from] url::ParseError),
}

/// The request as it goes out in the attempt at `now_seconds` (Unix time), with `id` as the receiver's idempotency key and `token`
/// where one was fetched for it.
///
/// # Errors
/// [`SealError`] when a secret cannot be read or used: nothing may be sent then.
pub fn seal(
    request: &HttpRequest,
    id: &str,
    now_seconds: i64,
    token: Option<&str>,
) -> Result<Call, SealError> {
    let mut headers = Vec::with_capacity(request.headers.len() + 3);
    for (name, value) in &request.headers {
        headers.push((name.clone(), value.reveal()?));
    }
    let (url, body) = (request.url.reveal()?, request.body.reveal()?);
    match &request.sign {
        None => {}
        Some(Signing::Header(name, secret)) => {
            headers.push((name.clone(), secret.reveal()?.to_string()))
        }
        Some(Signing::Body {
            header,
            prefix,
            secret,
        }) => {
            let digits = over_body(secret.reveal()?.as_bytes(), &body);
            headers.push((header.clone(), format!("{prefix}{digits}")));
        }
        Some(Signing::OpsKnight(secret)) => {
            let millis = format!("{now_seconds}000");
            let digits = over_body(secret.reveal()?.as_bytes(), &format!("{millis}.{body}"));
            headers.push(("X-OpsKnight-Timestamp".to_owned(), millis));
            headers.push((
                "X-OpsKnight-Signature".to_owned(),
                format!("sha256={digits}"),
            ));
        }
        Some(Signing::Basic { user, secret }) => {
            let both = format!("{user}:{}", &*secret.reveal()?);
            let value = format!("Basic {}", STANDARD.encode(both));
            headers.push(("authorization".to_owned(), value));
        }
        Some(Signing::OAuth2(_)) => {
            let token = token.ok_or(SealError::NoToken)?;
            headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        }
        Some(Signing::Bearer(secret)) => {
            let value = format!("Bearer {}", &*secret.reveal()?);
            headers.push(("authorization".to_owned(), value));
        }
        Some(Signing::Aws(aws)) => {
            let (secret, token) = (aws.secret.reveal()?, aws.token.as_ref());
            let token = token.map(Secret::reveal).transpose()?;
            let key = sigv4::Key {
                id: &aws.key_id,
                secret: &secret,
                token: token.as_deref(),
                region: &aws.region,
                service: aws.service,
            };
            let named = headers.iter().find(|(name, _)| name == "content-type");
            let content_type = named.map_or("", |(_, value)| value.as_str());
            let url = Url::parse(&url)?;
            let signed = sigv4::headers(&url, content_type, &body, now_seconds, &key);
            headers.extend(signed);
        }
        Some(Signing::StandardWebhooks(secrets)) => {
            let keys: Vec<Vec<u8>> = secrets.iter().map(key).collect::<Result<_, _>>()?;
            headers.push(("webhook-id".to_owned(), id.to_owned()));
            headers.push(("webhook-timestamp".to_owned(), now_seconds.to_string()));
            let signature = standard_webhooks(&keys, id, now_seconds, &body);
            headers.push(("webhook-signature".to_owned(), signature));
        }
    }
    Ok(Call {
        method: request.method,
        url,
        headers,
        body,
    })
}

/// The value of `webhook-signature` (Standard Webhooks 1.0): one signature per key, so that keys can be changed without a gap.
pub fn standard_webhooks(keys: &[Vec<u8>], id: &str, seconds: i64, body: &str) -> String {
    let sign = |key: &Vec<u8>| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    };
    keys.iter().map(sign).collect::<Vec<_>>().join(" ")
}

/// HMAC-SHA256 over the body alone, in lower-case hexadecimal digits: `x-signature` and `opshift`.
pub fn over_body(key: &[u8], body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(body.as_bytes());
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key(secret: &Secret) -> Result<Vec<u8>, SealError> {
    signing_key(&secret.reveal()?).ok_or(SealError::Key)
}

#[cfg(test)]
mod tests;
