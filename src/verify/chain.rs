//! The chain over the events of a record, so that a later change of what was decided is found.
//!
//! Each event has a *digest* of its row and a *hash* that takes in the hash of the event before it:
//!
//! ```text
//! digest = SHA-256( N("andon.event.1") N(seq) N(id) N(alert) N(kind) N(at) N(decided) N(untold) N(body) )
//! hash   = SHA-256( hash of the event with seq - 1, then digest )         32 bytes each
//! N(text) = the length of the text in bytes as a decimal number, ":", the text, ","
//! ```
//!
//! The fields are columns of the table `events`. Numbers (`seq`, `alert`, `at`, `decided`) are decimal, `alert` is the alert's number,
//! times are milliseconds since the Unix epoch; `id` is a ULID of 26 letters as on the wire (the column holds its 16 bytes); `untold` is
//! the column's JSON text, and empty where it is NULL; `body` is the stored JSON text, byte for byte. `seq` has no holes: the event after a
//! pruned one takes in the digest that is kept of it in `tombstones`. The first hash takes in that of the start, which is 32 zero bytes in
//! a database that was begun with the chain; in `meta` stand `chain_start_seq`, where it begins, and `chain_start_hash`. The last hash is
//! `chain_head` in `now`.
//!
//! The chain says nothing of deliveries; those are proven by their numbers.

use sha2::{Digest as _, Sha256};

/// A SHA-256.
pub type Hash = [u8; 32];

/// The hash before the first event.
pub const ZERO: Hash = [0; 32];

/// What of an event's row the chain covers.
#[derive(Clone, Copy, Debug)]
pub struct Covered<'a> {
    /// The row's number.
    pub seq: i64,
    /// The event's ULID.
    pub id: &'a str,
    /// The alert's number.
    pub alert: i64,
    /// `triggered`, `resolved`, ..
    pub kind: &'a str,
    /// When it happened, milliseconds since the Unix epoch.
    pub at: i64,
    /// When it was decided, milliseconds since the Unix epoch.
    pub decided: i64,
    /// Who of its audience does not take it, as JSON; may be empty.
    pub untold: &'a str,
    /// The stored notice.
    pub body: &'a str,
}

impl Covered<'_> {
    /// The digest of the row.
    pub fn digest(&self) -> Hash {
        let mut sha = Sha256::new();
        let mut part = |text: &str| {
            sha.update(format!("{}:", text.len()));
            sha.update(text);
            sha.update(",");
        };
        part("andon.event.1");
        part(&self.seq.to_string());
        part(self.id);
        part(&self.alert.to_string());
        part(self.kind);
        part(&self.at.to_string());
        part(&self.decided.to_string());
        part(self.untold);
        part(self.body);
        sha.finalize().into()
    }
}

/// The hash of the event after one with the hash `before`.
pub fn link(before: &Hash, digest: &Hash) -> Hash {
    let mut sha = Sha256::new();
    sha.update(before);
    sha.update(digest);
    sha.finalize().into()
}

/// As 64 hexadecimal digits.
pub fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// From 64 hexadecimal digits.
pub fn from_hex(text: &str) -> Option<Hash> {
    let bytes = text.as_bytes();
    if bytes.len() != 64 || !bytes.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut hash = ZERO;
    for (byte, pair) in hash.iter_mut().zip(bytes.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: Covered<'_> = Covered {
        seq: 1,
        id: "01KN33X5G0A2X02FC34SAMS3GX",
        alert: 7,
        kind: "triggered",
        at: 1_775_298_605_120,
        decided: 1_775_298_605_121,
        untold: "",
        body: "{\"text\":\"27 °C\"}",
    };

    #[test]
    fn the_documented_form_is_what_is_hashed() {
        // By Python: hashlib.sha256(b"13:andon.event.1,1:1,26:01KN..,1:7,9:triggered,13:17..,13:17..,0:,16:{..},").
        let digest = EVENT.digest();
        assert_eq!(hex(&digest), DIGEST);
        assert_eq!(hex(&link(&ZERO, &digest)), HASH);
        assert_eq!(from_hex(DIGEST), Some(digest));
        assert_eq!(from_hex("zz"), None);
    }

    #[test]
    fn no_field_can_lend_to_its_neighbour() {
        let (mut one, mut other) = (EVENT, EVENT);
        (one.kind, one.untold) = ("a", "b");
        (other.kind, other.untold) = ("ab", "");
        assert_ne!(one.digest(), other.digest());
    }

    const DIGEST: &str = "16342ff21b16eacc85db9b207b17c32789c81fe836935012a74f4a65a113dfc0";
    const HASH: &str = "bb2e484a0ed24a898ba7afe328c2e5c68ca8477e904c853474cf05242db2415b";
}
