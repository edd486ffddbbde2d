//! `format = "cloudevents"`: CloudEvents 1.0 over HTTP, with the native payload as its data.
//!
//! Structured mode has everything in one body, binary mode the attributes in `ce-` headers. Beside the attributes of the
//! specification there are two of its documented extensions: `partitionkey` (the `dedup_key`, so that what is behind keeps the events of a
//! watch in order) and the severity.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

use super::{
    digest, native,
    wire::{SetHeaders, stamp, told_as, write},
};
use crate::destination::{
    Digest, RenderError,
    notice::{Attempt, Notice},
};

/// The version of the specification.
const SPEC: &str = "1.0";
/// What its HTTP binding wants encoded in a header value, beside everything that is not ASCII.
const IN_A_HEADER: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');
/// What may not stand in a URI reference as it is.
const IN_A_SOURCE: &AsciiSet = &IN_A_HEADER
    .add(b'/')
    .add(b'?')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// How an event is put into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Everything in one JSON body.
    Structured,
    /// The attributes in headers, the data in the body.
    Binary,
}

impl Mode {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Structured => "application/cloudevents+json",
            Self::Binary => "application/json",
        }
    }
}

/// The headers and the body.
pub(super) fn told(
    notice: &Notice,
    attempt: &Attempt,
    mode: Mode,
) -> Result<(SetHeaders, String), RenderError> {
    let kind = told_as(notice, attempt, false)?;
    let alert = &notice.alert;
    let (kind, time) = (format!("andon.alert.{}", kind.word()), stamp(notice.at));
    let event = Structured {
        subject: Some(format!("{}/{}", alert.machine, alert.rule)),
        partitionkey: Some(&notice.dedup_key),
        ..Structured::new(
            (&notice.id, &kind, &time),
            notice,
            &alert.severity,
            native::payload(notice, attempt)?,
        )
    };
    event.put(notice, mode)
}

/// The same of a digest. It is about many watches, so it has neither subject nor partition.
pub(super) fn digest(digest: &Digest<'_>, mode: Mode) -> Result<(SetHeaders, String), RenderError> {
    let (notice, time) = (digest.first.notice, stamp(digest.at()));
    let named = (&*digest.id, "andon.alert.digest", &*time);
    let data = digest::payload(digest)?;
    Structured::new(named, notice, digest.worst().word(), data).put(notice, mode)
}

#[derive(Serialize)]
struct Structured<'n, T> {
    specversion: &'static str,
    id: &'n str,
    source: String,
    #[serde(rename = "type")]
    kind: &'n str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: &'n str,
    datacontenttype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    partitionkey: Option<&'n str>,
    severitytext: &'n str,
    severitynumber: u8,
    data: T,
}

impl<'n, T: Serialize> Structured<'n, T> {
    fn new(
        (id, kind, time): (&'n str, &'n str, &'n str),
        notice: &Notice,
        severity: &'n str,
        data: T,
    ) -> Self {
        Self {
            specversion: SPEC,
            id,
            source: format!("/andon/{}", utf8_percent_encode(&notice.site, IN_A_SOURCE)),
            kind,
            subject: None,
            time,
            datacontenttype: "application/json",
            partitionkey: None,
            severitytext: severity,
            severitynumber: severity_number(severity),
            data,
        }
    }

    /// Everything in the body, or the attributes in headers.
    fn put(&self, notice: &Notice, mode: Mode) -> Result<(SetHeaders, String), RenderError> {
        if mode == Mode::Structured {
            return Ok((Vec::new(), write(notice, self)?));
        }
        let number = self.severitynumber.to_string();
        let headers = [
            ("ce-specversion", Some(SPEC)),
            ("ce-id", Some(self.id)),
            ("ce-source", Some(&*self.source)),
            ("ce-type", Some(self.kind)),
            ("ce-subject", self.subject.as_deref()),
            ("ce-time", Some(self.time)),
            ("ce-partitionkey", self.partitionkey),
            ("ce-severitytext", Some(self.severitytext)),
            ("ce-severitynumber", Some(&*number)),
        ];
        let encoded = headers.into_iter();
        let encoded = encoded.filter_map(|(name, value)| Some((name, header_value(value?))));
        Ok((encoded.collect(), write(notice, &self.data)?))
    }
}

/// The number of OpenTelemetry, which the extension for severities counts in.
fn severity_number(severity: &str) -> u8 {
    match severity {
        "critical" => 21,
        "error" => 17,
        "warning" => 13,
        _ => 9,
    }
}

fn header_value(text: &str) -> String {
    utf8_percent_encode(text, IN_A_HEADER).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_encoded_as_the_http_binding_says() {
        // The example of the specification, section 3.1.3.2, and its special cases.
        for (text, expected) in [
            ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("a\"b%20c", "a%22b%2520c"),
            ("/andon/plant-7", "/andon/plant-7"),
            ("a\r\nb", "a%0D%0Ab"),
        ] {
            assert_eq!(header_value(text), expected);
        }
    }
}
