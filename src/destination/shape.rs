//! Whether a key or a URL looks as its service gives it out, so that whoever copies the wrong one hears of it from `andon check`.
//!
//! A secret is looked at as it is now. One that stands in the configuration and cannot be right is a mistake; one that is kept
//! elsewhere can be replaced at any time, so that is a warning, and it is read again at each attempt. Nothing of it is ever said.

use super::Access;
use crate::config::{secret::Secret, section::Section};

/// Reports a key that cannot be right. `wrong` goes on after the name of the key: `is no token of a bot`.
pub(super) fn must(
    section: &Section<'_>,
    key: &str,
    secret: &Secret,
    fine: impl FnOnce(&str) -> bool,
    wrong: &str,
) {
    // Why one cannot be read was said when it was found.
    match secret.reveal() {
        Ok(text) if !fine(&text) => blame(section, key, secret.is_inline(), wrong),
        _ => {}
    }
}

/// Warns of a key that is unlike those of its service, which may all the same be right there.
pub(super) fn should(
    section: &Section<'_>,
    key: &str,
    secret: &Secret,
    fine: impl FnOnce(&str) -> bool,
    odd: &str,
) {
    if secret.reveal().is_ok_and(|text| !fine(&text)) {
        section.warn(key, odd);
    }
}

/// A mistake in what is written here, or a warning of what is kept elsewhere.
fn blame(section: &Section<'_>, key: &str, written: bool, wrong: &str) {
    match written {
        true => section.error(key, wrong),
        false => section.warn(key, format!("cannot be used: the secret {wrong}")),
    }
}

/// The URL of a receiver as it is now, with what is to be said of it.
pub(super) struct Url<'s> {
    section: &'s Section<'s>,
    written: bool,
    text: String,
}

impl<'s> Url<'s> {
    /// None where there is none, or none that can be read.
    pub(super) fn of(section: &'s Section<'s>, access: Option<&Access>) -> Option<Self> {
        let url = &access?.url;
        Some(Self {
            section,
            written: url.plain().is_some(),
            text: url.reveal().ok()?,
        })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Reports that it cannot be right: `is not the whole url of a webhook`.
    pub(super) fn is_wrong(&self, wrong: &str) {
        blame(self.section, "url", self.written, wrong);
    }

    /// Warns that it is unlike those of its service.
    pub(super) fn is_odd(&self, odd: &str) {
        self.section.warn("url", odd);
    }
}

/// Letters and digits, that many.
pub(super) fn letters_and_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Hexadecimal digits, that many.
pub(super) fn hexadecimal(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Groups of hexadecimal digits, as in 01234567-89ab-cdef-0123-456789abcdef.
pub(super) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = [8, 4, 4, 4, 12];
    groups.len() == lengths.len()
        && groups
            .iter()
            .zip(lengths)
            .all(|(group, length)| hexadecimal(group, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_by_their_length_and_what_is_in_them() {
        assert!(letters_and_digits("R0utingKey", 10) && !letters_and_digits("R0uting-ey", 10));
        assert!(hexadecimal("00aF", 4) && !hexadecimal("00aG", 4) && !hexadecimal("00aFF", 4));
        assert!(is_uuid("01234567-89ab-cdef-0123-456789ABCDEF"));
        for bad in ["", "01234567", "01234567-89ab-cdef-0123-456789abcdeg"] {
            assert!(!is_uuid(bad), "{bad}");
        }
    }
}
