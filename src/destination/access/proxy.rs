//! The HTTP proxy that a plant's network may have on the way to a receiver.

use url::Url;

use crate::config::{
    secret::Secret,
    section::{Read, Section},
    tree::{Node, Value},
};

/// A proxy and who we are there.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxy {
    /// `http://proxy.plant.local:3128`; holds no secret.
    pub url: Url,
    /// User and password, if it wants them.
    pub user: Option<(String, Secret)>,
}

impl Proxy {
    /// Reads `proxy`, `proxy_user` and `proxy_password`.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let url = section.optional::<ProxyUrl>("proxy");
        let user = section.optional::<String>("proxy_user");
        let password = section.optional::<Secret>("proxy_password");
        let there = |key| section.raw(key).is_some();
        let needs = [
            ("proxy_user", "proxy_password"),
            ("proxy_password", "proxy_user"),
            ("proxy_user", "proxy"),
        ];
        for (given, needed) in needs {
            if there(given) && !there(needed) {
                section.error(given, format!("is of no use without `{needed}`"));
            }
        }
        if user.as_ref().is_some_and(|user| user.contains(':')) {
            section.error(
                "proxy_user",
                "holds a colon, which a user name of a proxy cannot",
            );
        }
        Some(Self {
            url: url?.0,
            user: user.zip(password),
        })
    }
}

/// The address of a proxy. TLS to the proxy itself is not spoken: what is sent over it is encrypted up to the receiver.
struct ProxyUrl(Url);

impl Read for ProxyUrl {
    const EXPECTED: &'static str = "the address of a proxy, like \"http://proxy.plant.local:3128\"";
    fn read(node: &Node) -> Result<Self, String> {
        let Value::Text(text) = &node.value else {
            return Err(Self::mismatch(node));
        };
        let url = Url::parse(text).map_err(|_| format!("must be {}", Self::EXPECTED))?;
        // None of these messages repeats the text, which may hold a password.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "must not hold a user or password; they are `proxy_user` and `proxy_password`"
                    .to_owned(),
            );
        }
        if url.scheme() != "http" {
            return Err(format!(
                "must be {}; other kinds are not spoken",
                Self::EXPECTED
            ));
        }
        let bare =
            matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !bare || url.host_str().is_none_or(str::is_empty) {
            return Err(format!("must be {}, with nothing after it", Self::EXPECTED));
        }
        Ok(Self(url))
    }
}
