//! How a request proves who sent it, as configured: `sign`. Reading the secrets and signing is done at each attempt, by
//! `delivery::signature`.

use super::{NO_KEY, OAuth2, headers::is_free, shape, signing_key};
use crate::config::{secret::Secret, section::Section};

/// How a request proves who sent it.
#[derive(Clone, Debug, PartialEq)]
pub enum Signing {
    /// Standard Webhooks 1.0: HMAC-SHA256 over id, time and body, by each of these keys.
    StandardWebhooks(Vec<Secret>),
    /// HMAC-SHA256 over the body alone, in lower-case hexadecimal digits.
    Body {
        /// In this header.
        header: String,
        /// With this before the digits: `sha256=`, or nothing.
        prefix: &'static str,
        /// The key: the bytes of this text.
        secret: Secret,
    },
    /// As OpsKnight signs: HMAC-SHA256 over the time in milliseconds and the body.
    OpsKnight(Secret),
    /// A secret that both sides know, in this header.
    Header(String, Secret),
    /// HTTP's own name and password (RFC 7617).
    Basic {
        /// The name.
        user: String,
        /// The password.
        secret: Secret,
    },
    /// A token that opens the door to whoever has it (RFC 6750).
    Bearer(Secret),
    /// A token like that, fetched by client credentials (RFC 6749).
    OAuth2(Box<OAuth2>),
    /// Signature version 4 of AWS, which no `sign` names: a kind that speaks to AWS has it.
    Aws(Box<Aws>),
}

/// A key of AWS and what it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Aws {
    /// `eu-central-1`
    pub region: String,
    /// `sns`
    pub service: &'static str,
    /// Its id, which is no secret.
    pub key_id: String,
    /// The secret access key.
    pub secret: Secret,
    /// The token of a key that ends.
    pub token: Option<Secret>,
}

impl Signing {
    /// The headers that it sets.
    pub fn headers(&self) -> Vec<&str> {
        match self {
            Self::StandardWebhooks(_) => {
                vec!["webhook-id", "webhook-timestamp", "webhook-signature"]
            }
            Self::OpsKnight(_) => vec!["X-OpsKnight-Timestamp", "X-OpsKnight-Signature"],
            Self::Body { header, .. } | Self::Header(header, _) => vec![header],
            Self::Basic { .. } | Self::Bearer(_) | Self::OAuth2(_) => vec!["Authorization"],
            Self::Aws(aws) => {
                let token = aws.token.as_ref().map(|_| "x-amz-security-token");
                let always = ["x-amz-date", "authorization"].into_iter();
                always.chain(token).collect()
            }
        }
    }
}

/// A scheme without its keys.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Scheme {
    StandardWebhooks,
    XSignature,
    OpShift,
    OpsKnight,
    Header,
    Basic,
    Bearer,
    OAuth2,
}

/// The schemes: their word, and which keys beside `secret` they have.
pub(super) const SCHEMES: [(&str, Scheme, &[&str]); 8] = [
    ("standard-webhooks", Scheme::StandardWebhooks, &["secrets"]),
    ("x-signature", Scheme::XSignature, &["header", "prefix"]),
    ("opshift", Scheme::OpShift, &[]),
    ("opsknight", Scheme::OpsKnight, &[]),
    ("header", Scheme::Header, &["header"]),
    ("basic", Scheme::Basic, &["user"]),
    ("bearer", Scheme::Bearer, &[]),
    ("oauth2", Scheme::OAuth2, &[]),
];

/// Reads `sign`, which destinations and the heartbeat have.
pub fn read_sign(section: &Section<'_>) -> Option<Signing> {
    let sign = section.table("sign")?;
    let signing = read(&sign);
    sign.finish();
    signing
}

fn read(sign: &Section<'_>) -> Option<Signing> {
    let words = SCHEMES.map(|(word, scheme, _)| (word, scheme));
    let scheme = sign.required_word("scheme", &words);
    let secret: Option<Secret> = sign.optional("secret");
    let secrets: Option<Vec<Secret>> = sign.optional("secrets");
    let header: Option<String> = sign.optional("header");
    let prefix = read_prefix(sign);
    let user: Option<String> = sign.optional("user");
    let scheme = scheme?;
    if !only_its_own_keys(sign, scheme) {
        return None;
    }
    if scheme == Scheme::StandardWebhooks {
        let keys = match (secret, secrets.unwrap_or_default()) {
            (Some(one), none) if none.is_empty() => vec![one],
            (None, some) if !some.is_empty() => some,
            _ => {
                sign.error(
                    "secret",
                    "is missing: give either `secret`, or `secrets` with the new key and the old one",
                );
                return None;
            }
        };
        check_keys(sign, &keys);
        return Some(Signing::StandardWebhooks(keys));
    }
    if scheme == Scheme::OAuth2 {
        if sign.raw("secret").is_some() {
            sign.error(
                "secret",
                "is not for `scheme = \"oauth2\"`, which has `client_secret`",
            );
        }
        return OAuth2::read(sign).map(|oauth2| Signing::OAuth2(Box::new(oauth2)));
    }
    // What is written and cannot be read was reported.
    if sign.raw("secret").is_none() {
        sign.error("secret", "is missing: this scheme needs one `secret`");
    }
    let secret = secret?;
    Some(match scheme {
        Scheme::StandardWebhooks | Scheme::OAuth2 => return None,
        Scheme::XSignature => Signing::Body {
            header: free_header(sign, header, "X-Signature")?,
            prefix: prefix.unwrap_or("sha256="),
            secret,
        },
        Scheme::OpShift => Signing::Body {
            header: "X-Webhook-Signature".to_owned(),
            prefix: "",
            secret,
        },
        Scheme::OpsKnight => Signing::OpsKnight(secret),
        Scheme::Header => Signing::Header(free_header(sign, header, "X-Webhook-Secret")?, secret),
        Scheme::Basic => Signing::Basic {
            user: basic_user(sign, user)?,
            secret,
        },
        Scheme::Bearer => Signing::Bearer(secret),
    })
}

/// A key that its scheme does not know would be believed to do something.
fn only_its_own_keys(sign: &Section<'_>, scheme: Scheme) -> bool {
    let mut fine = true;
    for key in ["secrets", "header", "prefix", "user"] {
        let takes = |keys: &[&str]| keys.contains(&key);
        let mine = SCHEMES
            .iter()
            .any(|(_, of, keys)| *of == scheme && takes(keys));
        if sign.raw(key).is_some() && !mine {
            let takers = SCHEMES.iter().filter(|(.., keys)| takes(keys));
            let names: Vec<&str> = takers.map(|(word, ..)| *word).collect();
            let message = format!(
                "is for `scheme = \"{}\"` only",
                names.join("\"` or `scheme = \"")
            );
            sign.error(key, message);
            fine = false;
        }
    }
    fine
}

fn read_prefix(sign: &Section<'_>) -> Option<&'static str> {
    let prefix: String = sign.optional("prefix")?;
    let known = ["sha256=", ""].into_iter().find(|known| *known == prefix);
    if known.is_none() {
        sign.error("prefix", "must be \"sha256=\" or \"\"");
    }
    known
}

fn free_header(sign: &Section<'_>, header: Option<String>, default: &str) -> Option<String> {
    let header = header.unwrap_or_else(|| default.to_owned());
    if is_free(&header) {
        return Some(header);
    }
    sign.error(
        "header",
        format!("is {header:?}, which cannot carry a secret; use a name like {default}"),
    );
    None
}

/// A colon would end the name (RFC 7617), and control characters are not allowed.
fn basic_user(sign: &Section<'_>, user: Option<String>) -> Option<String> {
    let fine = |user: &String| !user.contains(':') && !user.chars().any(char::is_control);
    if user.as_ref().is_some_and(fine) {
        return user;
    }
    sign.error("user", "must be a name without a colon");
    None
}

/// A key in the configuration must be one. What is kept elsewhere can be replaced at any time, so that is a warning.
fn check_keys(sign: &Section<'_>, keys: &[Secret]) {
    let key = if sign.raw("secret").is_some() {
        "secret"
    } else {
        "secrets"
    };
    let fine = |text: &str| signing_key(text).is_some();
    for secret in keys {
        shape::must(sign, key, secret, fine, NO_KEY);
    }
}
