//! Addresses of mail as people write them: `ops@plant.example.com`, `Maintenance <ops@plant.example.com>`.

use crate::config::{section::Read, tree::Node};

/// The longest address (RFC 5321), and name, in characters.
const LONGEST: usize = 254;
const LONGEST_NAME: usize = 100;

/// An address and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// A name for people, without control characters; may be empty.
    pub name: String,
    /// `ops@plant.example.com`, ASCII.
    pub email: String,
}

impl Mailbox {
    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.email.split_once('@').map_or("", |(_, domain)| domain)
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, email) = match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
            Some((name, email)) => (name.trim().trim_matches('"'), email),
            None => ("", text.trim()),
        };
        let (local, domain) = email.split_once('@')?;
        let atom = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| {
                    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
                })
        };
        let label = |part: &str| {
            let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !part.is_empty() && part.len() <= 63 && part.bytes().all(fine)
        };
        let fine = local.len() <= 64
            && email.len() <= LONGEST
            && local.split('.').all(atom)
            && domain.split('.').all(label)
            && name.chars().count() <= LONGEST_NAME
            && !name
                .chars()
                .any(|c| c.is_control() || matches!(c, '<' | '>' | '"'));
        fine.then(|| Self {
            name: name.to_owned(),
            email: email.to_owned(),
        })
    }
}

impl Read for Mailbox {
    const EXPECTED: &'static str =
        "an address like \"ops@plant.example.com\" or \"Maintenance <ops@plant.example.com>\"";
    fn read(node: &Node) -> Result<Self, String> {
        Self::of_text(node, Self::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_place_and_may_have_a_name() {
        for (text, name, email) in [
            ("ops@plant.example.com", "", "ops@plant.example.com"),
            ("Jörg, Hall 2 <j.o+x@relay>", "Jörg, Hall 2", "j.o+x@relay"),
            ("\"andon\" <a@b.c>", "andon", "a@b.c"),
        ] {
            let mailbox = Mailbox::parse(text).expect(text);
            assert_eq!((&*mailbox.name, &*mailbox.email), (name, email));
        }
        for bad in [
            "",
            "ops",
            "ops@",
            "@plant",
            "a b@c",
            "a@b@c",
            "a@b c",
            "a@b>",
            "<a@b> x",
            "a@b.c\r\nBcc: x@y",
            "x\r\nBcc: y <a@b.c>",
            "ä@b.c",
            "a..b@c",
            "a@b..c",
        ] {
            assert_eq!(Mailbox::parse(bad), None, "{bad}");
        }
    }
}
