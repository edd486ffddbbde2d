//! `format = "cloudevents"`: CloudEvents 1.0 over HTTP, with the native payload as its data.
//!
//! Structured mode has everything in one body, binary mode the attributes in `ce-` headers. Beside the attributes of the
//! specification there are two of its documented extensions: `partitionkey` (the `dedup_key`, so that what is behind keeps the events of a
//! watch in order) and the severity.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

use super::{
    native::{self, Native},
    wire::{SetHeaders, stamp, told_as, write},
};
use crate::destination::{
    RenderError,
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
    let data = native::payload(notice, attempt)?;
    let source = format!("/andon/{}", utf8_percent_encode(&notice.site, IN_A_SOURCE));
    let kind = format!("andon.alert.{}", kind.word());
    let subject = format!("{}/{}", alert.machine, alert.rule);
    let (time, number) = (stamp(notice.at), severity_number(&alert.severity));
    if mode == Mode::Structured {
        let event = Structured {
            specversion: SPEC,
            id: &notice.id,
            source: &source,
            kind: &kind,
            subject: &subject,
            time: &time,
            datacontenttype: "application/json",
            partitionkey: &notice.dedup_key,
            severitytext: &alert.severity,
            severitynumber: number,
            data,
        };
        return Ok((Vec::new(), write(notice, &event)?));
    }
    let number = number.to_string();
    let headers = [
        ("ce-specversion", SPEC),
        ("ce-id", &notice.id),
        ("ce-source", &source),
        ("ce-type", &kind),
        ("ce-subject", &subject),
        ("ce-time", &time),
        ("ce-partitionkey", &notice.dedup_key),
        ("ce-severitytext", &alert.severity),
        ("ce-severitynumber", &number),
    ];
    let encoded = headers.map(|(name, value)| (name, header_value(value)));
    Ok((encoded.to_vec(), write(notice, &data)?))
}

#[derive(Serialize)]
struct Structured<'n> {
    specversion: &'static str,
    id: &'n str,
    source: &'n str,
    #[serde(rename = "type")]
    kind: &'n str,
    subject: &'n str,
    time: &'n str,
    datacontenttype: &'static str,
    partitionkey: &'n str,
    severitytext: &'n str,
    severitynumber: u8,
    data: Native<'n>,
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
