//! Several events in one body of our own: the whole native payload of each, and above them what they have in common.
//!
//! The order of fields is part of the contract, as it is in the native payload.

use serde::Serialize;

use super::{
    native::{self, Native},
    wire::stamp,
};
use crate::destination::{Digest, RenderError, text};

/// What it is called in payloads of our own.
const EVENT: &str = "andon.digest";

/// The payload of a digest.
pub(super) fn payload<'d>(digest: &'d Digest<'_>) -> Result<NativeDigest<'d>, RenderError> {
    let (first, told) = (digest.first, digest.told.iter());
    let events = told.map(|one| native::payload(one.notice, one.attempt));
    Ok(NativeDigest {
        event: EVENT,
        id: &digest.id,
        stream: &first.attempt.stream,
        timestamp: stamp(digest.at()),
        late_seconds: digest.late_seconds(),
        tenant_id: &first.notice.site,
        site_name: &first.notice.site_name,
        agent_id: &first.notice.agent,
        text: text::of_digest(digest),
        events: events.collect::<Result<_, _>>()?,
    })
}

/// See the module.
#[derive(Serialize)]
pub(super) struct NativeDigest<'d> {
    event: &'static str,
    id: &'d str,
    stream: &'d str,
    timestamp: String,
    late_seconds: u64,
    tenant_id: &'d str,
    site_name: &'d str,
    agent_id: &'d str,
    text: String,
    events: Vec<Native<'d>>,
}
