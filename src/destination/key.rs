//! The keys of Standard Webhooks 1.0, as text. Signing with them is not done here.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// What is said about a text that is no key. Never holds any of it.
pub const NO_KEY: &str = "is not `whsec_` and standard base64 of at least one byte; make a new one with `openssl rand -base64 32`";

/// The bytes of a `whsec_` secret; padding may be missing, as some tools leave it out.
pub fn signing_key(text: &str) -> Option<Vec<u8>> {
    const GENEROUS: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let text = text.trim();
    let key = GENEROUS
        .decode(text.strip_prefix("whsec_").unwrap_or(text))
        .ok()?;
    (!key.is_empty()).then_some(key)
}
