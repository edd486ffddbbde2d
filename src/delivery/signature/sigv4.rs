//! Signature version 4 of AWS, for one request with a body and no query.

use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, tz::TimeZone};
use sha2::{Digest, Sha256};
use url::Url;

/// What a request is signed with.
pub(super) struct Key<'k> {
    /// The id of the access key, which is no secret.
    pub(super) id: &'k str,
    /// The secret access key.
    pub(super) secret: &'k str,
    /// The token that belongs to a key for a while.
    pub(super) token: Option<&'k str>,
    /// `eu-central-1`
    pub(super) region: &'k str,
    /// `sns`
    pub(super) service: &'k str,
}

/// The headers that sign a `POST` of this body at `seconds` (Unix time). `content_type` is sent and signed.
pub(super) fn headers(
    url: &Url,
    content_type: &str,
    body: &str,
    seconds: i64,
    key: &Key<'_>,
) -> Vec<(String, String)> {
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    let time = time.to_zoned(TimeZone::UTC);
    let (day, moment) = (
        time.strftime("%Y%m%d").to_string(),
        time.strftime("%Y%m%dT%H%M%SZ").to_string(),
    );
    let host = match (url.host_str().unwrap_or_default(), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let mut signed = vec![
        ("content-type", content_type),
        ("host", &host),
        ("x-amz-date", &moment),
    ];
    signed.extend(key.token.map(|token| ("x-amz-security-token", token)));
    let lines: String = signed
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect();
    let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let request = format!(
        "POST\n{}\n{}\n{lines}\n{names}\n{}",
        url.path(),
        url.query().unwrap_or_default(),
        hex(&Sha256::digest(body))
    );
    let scope = format!("{day}/{}/{}/aws4_request", key.region, key.service);
    let text = format!(
        "AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}",
        hex(&Sha256::digest(request))
    );
    let mut derived = format!("AWS4{}", key.secret).into_bytes();
    for part in [&day, key.region, key.service, "aws4_request"] {
        derived = mac(&derived, part);
    }
    let signature = hex(&mac(&derived, &text));
    let id = key.id;
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"
    );
    let mut headers = vec![("x-amz-date".to_owned(), moment)];
    let token = key.token.map(str::to_owned);
    headers.extend(token.map(|token| ("x-amz-security-token".to_owned(), token)));
    headers.push(("authorization".to_owned(), authorization));
    headers
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_other_implementations() {
        // Computed by botocore and by the crate aws-sigv4.
        let url = Url::parse("https://sns.us-east-1.amazonaws.com/").unwrap();
        let body = "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A123456789012%3Aalerts&Subject=Test&Message=hello";
        let seconds = "2025-01-02T03:04:05Z"
            .parse::<Timestamp>()
            .unwrap()
            .as_second();
        let key = Key {
            id: "AKIDEXAMPLE",
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            token: None,
            region: "us-east-1",
            service: "sns",
        };
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let headers = headers(&url, form, body, seconds, &key);
        let (_, authorization) = headers.last().unwrap();
        assert_eq!(headers[0].1, "20250102T030405Z");
        assert_eq!(
            authorization,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250102/us-east-1/sns/aws4_request, SignedHeaders=content-type;host;x-amz-date, \
             Signature=11348f85e18cbefd4e83f827e868a0e9eb72680c1f347914c4a167e644edee9c"
        );
    }
}
