//! `format = "template"`: a request that the user wrote.

use super::native;
use crate::{
    config::section::Section,
    destination::{
        HttpRequest, RenderError, Told, Veiled,
        template::{
            Template,
            escape::{Escape, header_value},
            example,
        },
    },
};

/// The methods that it may have.
const METHODS: [(&str, &str); 4] = [
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
    ("GET", "GET"),
];

/// A request with places to fill in.
#[derive(Clone, PartialEq)]
pub(super) struct Own {
    method: &'static str,
    /// None where the whole URL is a secret.
    url: Option<Template>,
    content_type: String,
    headers: Vec<(String, HeaderLine)>,
    body: Option<Template>,
}

#[derive(Clone, PartialEq)]
enum HeaderLine {
    Filled(Template),
    Fixed(Veiled),
}

/// URL, headers and body may hold tokens.
impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Own")
            .field("method", &self.method)
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}

impl Own {
    /// Reads the keys of its own. Unless it is `wanted` they are only asked for, and none is missing.
    pub(super) fn read(
        section: &Section<'_>,
        wanted: bool,
        headers: &[(String, Veiled)],
        url: Option<&str>,
    ) -> Option<Self> {
        let body: Option<String> = section.optional("body");
        let content_type: Option<String> = section.optional("content_type");
        let method = section.word("method", &METHODS).unwrap_or("POST");
        if !wanted {
            return None;
        }
        let content_type = content_type.unwrap_or_else(|| "application/json".to_owned());
        let is_type = content_type.contains('/')
            && content_type
                .bytes()
                .all(|byte| (b' '..=b'~').contains(&byte));
        if !is_type {
            section.error(
                "content_type",
                "must be like \"application/json\" or \"text/plain; charset=utf-8\"",
            );
        }
        let escape = Escape::of_content_type(&content_type);
        let fields = example::fields();
        let parse = |key: &str, text: &str, escape| {
            let parsed = Template::parse(text, escape, &fields);
            parsed.map_err(|wrong| section.error(key, wrong)).ok()
        };
        let url = match url {
            Some(url) => Some(parse("url", url, Escape::Url)?),
            None => None,
        };
        if !url.as_ref().is_none_or(is_behind_the_host) {
            section.error(
                "url",
                "has a place to fill in before the end of its host; a place may stand behind it only, like https://ops.example.com/{alert.machine_id}",
            );
        }
        let body = match (method, body) {
            ("GET", Some(_)) => {
                section.error("body", "is for other methods: GET sends none");
                None
            }
            ("GET", None) => None,
            (_, None) => {
                section.error(
                    "body",
                    "is missing; write what is sent, like '{\"text\": \"{text}\"}'",
                );
                return None;
            }
            (_, Some(body)) => {
                let body = parse("body", &body, escape)?;
                if let Err(wrong) = body.check() {
                    section.error("body", wrong);
                }
                Some(body)
            }
        };
        let mut lines = Vec::new();
        for (name, value) in headers {
            let line = match value.plain() {
                Some(text) => HeaderLine::Filled(parse("headers", text, Escape::Line)?),
                None => HeaderLine::Fixed(value.clone()),
            };
            lines.push((name.clone(), line));
        }
        Some(Self {
            method,
            url,
            content_type,
            headers: lines,
            body,
        })
    }

    /// What is sent, before it is signed.
    pub(super) fn request(
        &self,
        told: &Told<'_>,
        url: &Veiled,
    ) -> Result<HttpRequest, RenderError> {
        let (notice, reader) = (told.notice, told.reader);
        let values = native::payload(notice, told.attempt)?;
        let values = serde_json::to_value(values).map_err(|source| RenderError::Payload {
            id: notice.id.clone(),
            source,
        })?;
        let content_type = Veiled::from(self.content_type.as_str());
        let lines = self.headers.iter().map(|(name, line)| {
            let value = match line {
                HeaderLine::Filled(text) => header_value(&text.fill(&values, reader)).into(),
                HeaderLine::Fixed(value) => value.clone(),
            };
            (name.clone(), value)
        });
        let typed = self
            .body
            .as_ref()
            .map(|_| ("content-type".to_owned(), content_type));
        Ok(HttpRequest {
            method: self.method,
            url: match &self.url {
                Some(template) => template.fill(&values, reader).into(),
                None => url.clone(),
            },
            headers: typed.into_iter().chain(lines).collect(),
            body: self
                .body
                .as_ref()
                .map_or_else(Veiled::default, |body| body.fill(&values, reader).into()),
            sign: None,
        })
    }
}

/// Where an alert could choose the host, it could send itself and its signature to anybody.
fn is_behind_the_host(url: &Template) -> bool {
    let host = url.beginning().split_once("://");
    url.is_plain() || host.is_some_and(|(_, rest)| rest.contains(['/', '?']))
}
