//! Free headers of a request, with what they may be called and hold.

use super::Veiled;
use crate::config::section::Section;

/// Headers that belong to the exchange itself or to the signature.
const OURS: [&str; 9] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "te",
    "transfer-encoding",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// What the names of headers with secrets have in them.
const TELLING: [&str; 5] = ["auth", "cookie", "key", "secret", "token"];

/// Reads `headers`.
pub(super) fn read(section: &Section<'_>) -> Vec<(String, Veiled)> {
    let headers: Vec<(String, Veiled)> = section.pairs("headers");
    for (name, value) in &headers {
        if !is_token(name) {
            section.error(
                "headers",
                format!("holds {name:?}, which is no header name"),
            );
        } else if is_ours(name) {
            section.error(
                "headers",
                format!("holds `{name}`, which andon sets itself"),
            );
        }
        // What stands in a file is checked at each attempt.
        let Some(text) = value.plain() else {
            continue;
        };
        if text.chars().any(|c| c.is_control() && c != '\t') {
            section.error(
                "headers",
                format!("has a line break or control character in the value of `{name}`"),
            );
        }
        if may_be_secret(name) {
            section.warn(
                "headers",
                format!(
                    "has the value of `{name}` in the open; write `{name} = {{ file = \"..\" }}`"
                ),
            );
        }
    }
    headers
}

/// Whether the name says that its value is a secret.
pub fn may_be_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    TELLING.iter().any(|word| lower.contains(word))
}

/// Whether a name can carry something of the user's.
pub(super) fn is_free(name: &str) -> bool {
    is_token(name) && !is_ours(name)
}

fn is_ours(name: &str) -> bool {
    OURS.contains(&name.to_ascii_lowercase().as_str())
}

/// RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
