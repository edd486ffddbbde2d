//! From what is found for a tag to its reading: texts and names, scale, plausibility. What it is not, it is not taken for.

use std::sync::Arc;

use super::{pick::Found, quality::Quality};
use crate::sample::{Bad, Labels, Reading, Value};

/// One tag in a payload, and how its value is understood.
#[derive(Clone, Debug, PartialEq)]
pub struct MqttTag {
    /// The tag's name.
    pub tag: Arc<str>,
    /// Where it stands in a JSON payload (RFC 6901), or in an element of its array.
    pub path: String,
    /// What it is called in an array of named values.
    pub name: Arc<str>,
    /// The quality beside it.
    pub quality: Option<Quality>,
    /// Names of its numbers, if they have any.
    pub labels: Labels,
    /// It comes as a text, one of `labels`.
    pub is_text: bool,
    /// Its number may stand in quotes.
    pub quoted: bool,
    /// Engineering unit, may be empty.
    pub unit: Arc<str>,
    /// Decimals to show, 0 to 9.
    pub decimals: u8,
    /// Plausible values, after scaling; others are a sensor fault.
    pub valid: Option<(f64, f64)>,
    /// Values that stand for a fault, as they are sent, before scaling.
    pub invalid: Vec<f64>,
    /// The value is what is sent, times this,
    pub scale: f64,
    /// plus this.
    pub offset: f64,
}

impl MqttTag {
    /// A tag with this name whose value is taken as it is.
    pub fn plain(tag: Arc<str>) -> Self {
        Self {
            name: Arc::clone(&tag),
            tag,
            path: String::new(),
            quality: None,
            labels: Labels::default(),
            is_text: false,
            quoted: false,
            unit: "".into(),
            decimals: 1,
            valid: None,
            invalid: Vec::new(),
            scale: 1.0,
            offset: 0.0,
        }
    }

    /// The reading of what was found; with a reason where it is not understood.
    pub(super) fn read(&self, found: &Found<'_>) -> (Reading, Option<&'static str>) {
        let bad = |bad, why| (Reading::Bad(bad), Some(why));
        match found {
            Found::Text(text) if self.is_text => match self.labels.number(text.trim()) {
                Some(number) => (Reading::Good(Value::Number(number)), None),
                None => bad(Bad::Unlisted, "a text that `values` does not list"),
            },
            Found::Text(text) if self.quoted => match text.trim().parse() {
                Ok(number) => self.number(number),
                Err(_) => bad(Bad::Malformed, "a text that is no number"),
            },
            Found::Text(_) => bad(
                Bad::Malformed,
                "a text; if that is right, say `quoted` for a number and `values` for words",
            ),
            Found::Null | Found::Nothing => bad(Bad::Malformed, "null"),
            Found::Nested => bad(Bad::Malformed, "an object or an array"),
            _ if self.is_text => bad(Bad::Malformed, "no text, as `values` asks for"),
            Found::Bool(bit) => (Reading::Good(Value::Bool(*bit)), None),
            Found::Number(number) => self.number(*number),
        }
    }

    /// Scales a number and judges whether it is plausible.
    pub(super) fn number(&self, sent: f64) -> (Reading, Option<&'static str>) {
        let scaled = sent * self.scale + self.offset;
        if !scaled.is_finite() {
            let why = "a number that is not finite";
            return (Reading::Bad(Bad::Malformed), Some(why));
        }
        let valid = self.valid;
        let plausible = valid.is_none_or(|(low, high)| (low..=high).contains(&scaled));
        if !plausible || self.invalid.contains(&sent) {
            return (Reading::Bad(Bad::SensorFault), None);
        }
        (Reading::Good(Value::Number(scaled)), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag() -> MqttTag {
        MqttTag {
            valid: Some((-40.0, 150.0)),
            ..MqttTag::plain("t".into())
        }
    }

    fn text(text: &'static str) -> Found<'static> {
        Found::Text(text.into())
    }

    const MALFORMED: Reading = Reading::Bad(Bad::Malformed);
    const FAULT: Reading = Reading::Bad(Bad::SensorFault);

    fn number(number: f64) -> Reading {
        Reading::Good(Value::Number(number))
    }

    fn check(tag: &MqttTag, table: &[(Found<'static>, Reading)]) {
        for (found, reading) in table {
            let (got, why) = tag.read(found);
            assert_eq!(got, *reading, "{found:?}");
            let understood = matches!(got, Reading::Good(_)) || got == FAULT;
            assert_eq!(why.is_none(), understood, "{found:?}");
        }
    }

    #[test]
    fn a_value_is_taken_only_as_what_it_is() {
        check(
            &tag(),
            &[
                (Found::Number(1.5), number(1.5)),
                (Found::Bool(true), Reading::Good(Value::Bool(true))),
                (text("1.5"), MALFORMED),
                (Found::Null, MALFORMED),
                (Found::Nested, MALFORMED),
            ],
        );
        let quoted = MqttTag {
            quoted: true,
            ..tag()
        };
        check(
            &quoted,
            &[
                (text(" 1.5 "), number(1.5)),
                (text("200"), FAULT),
                (text("1,5"), MALFORMED),
                (text("NaN"), MALFORMED),
                (text("inf"), MALFORMED),
                (text("true"), MALFORMED),
                (Found::Number(1.5), number(1.5)),
            ],
        );
    }

    #[test]
    fn words_are_the_numbers_that_values_gives_them() {
        let labels = Labels::new(vec![(1.0, "RUN".into()), (200.0, "STOP".into())]);
        let words = MqttTag {
            is_text: true,
            labels,
            ..tag()
        };
        let unlisted = Reading::Bad(Bad::Unlisted);
        check(
            &words,
            &[
                (text("RUN"), number(1.0)),
                (text(" STOP\n"), number(200.0)),
                (text("run"), unlisted),
                (text(""), unlisted),
                (Found::Number(1.0), MALFORMED),
                (Found::Bool(true), MALFORMED),
            ],
        );
    }

    #[test]
    fn scaling_comes_before_valid_and_after_invalid() {
        let scaled = MqttTag {
            scale: 0.1,
            offset: -5.0,
            invalid: vec![32767.0],
            ..tag()
        };
        for (sent, reading) in [
            (1000.0, number(95.0)),
            (1600.0, FAULT),
            (32767.0, FAULT),
            (f64::MAX, FAULT),
        ] {
            assert_eq!(scaled.number(sent).0, reading, "{sent}");
        }
        let huge = MqttTag {
            scale: 1e300,
            ..tag()
        };
        assert_eq!(huge.number(1e300).0, MALFORMED);
    }
}
