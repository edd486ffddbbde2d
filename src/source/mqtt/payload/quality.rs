//! The quality that a payload gives its values: what is not said to be good is bad.

use super::pick::Found;

/// Where a quality stands, and which are good.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// JSON pointer.
    pub path: String,
    /// Which are good.
    pub good: Good,
    /// Whether a value without one is bad.
    pub required: bool,
}

/// Which qualities are good.
#[derive(Clone, Debug, PartialEq)]
pub enum Good {
    /// `true`, `"good"`, and 192 to 255: the two uppermost bits of the byte of OPC Data Access.
    Usual,
    /// `true`, `"good"`, and status codes of OPC UA whose two uppermost bits of 32 are 0 (Part 4, 7.39).
    OpcUa,
    /// These.
    Listed(Vec<Listed>),
}

/// One quality that is good.
#[derive(Clone, Debug, PartialEq)]
pub enum Listed {
    /// `true`
    Bool(bool),
    /// `192`
    Number(f64),
    /// `"good"`, in any case.
    Text(Box<str>),
}

impl Quality {
    /// Whether a value with this quality is good.
    pub(super) fn is_good(&self, found: &Found<'_>) -> bool {
        match (&self.good, found) {
            (_, Found::Nothing | Found::Null) => !self.required,
            (_, Found::Nested) => false,
            (Good::Listed(listed), found) => listed.iter().any(|listed| match (listed, found) {
                (Listed::Bool(good), Found::Bool(bit)) => good == bit,
                (Listed::Number(good), Found::Number(number)) => good == number,
                (Listed::Text(good), Found::Text(text)) => good.eq_ignore_ascii_case(text),
                _ => false,
            }),
            (_, Found::Bool(bit)) => *bit,
            (_, Found::Text(text)) => text.eq_ignore_ascii_case("good"),
            (Good::Usual, Found::Number(number)) => (192.0..=255.0).contains(number),
            (Good::OpcUa, Found::Number(number)) => (0.0..f64::from(1 << 30)).contains(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_to_be_good_is_good() {
        let text = |text: &'static str| Found::Text(text.into());
        let listed = vec![
            Listed::Number(1.0),
            Listed::Text("ok".into()),
            Listed::Bool(false),
        ];
        let all = [Good::Usual, Good::OpcUa, Good::Listed(listed)];
        for (found, expected) in [
            (Found::Bool(true), [true, true, false]),
            (Found::Bool(false), [false, false, true]),
            (text("GOOD"), [true, true, false]),
            (text("Ok"), [false, false, true]),
            (text("uncertain"), [false, false, false]),
            (Found::Number(0.0), [false, true, false]),
            (Found::Number(1.0), [false, true, true]),
            (Found::Number(64.0), [false, true, false]),
            (Found::Number(192.0), [true, true, false]),
            (Found::Number(256.0), [false, true, false]),
            (Found::Number(-1.0), [false, false, false]),
            // Uncertain and bad codes of OPC UA.
            (Found::Number(1_073_741_824.0), [false, false, false]),
            (Found::Number(2_147_483_648.0), [false, false, false]),
            (Found::Nested, [false, false, false]),
        ] {
            let is_good = all.clone().map(|good| {
                let path = String::new();
                let quality = Quality {
                    path,
                    good,
                    required: true,
                };
                quality.is_good(&found)
            });
            assert_eq!(is_good, expected, "{found:?}");
        }
    }

    #[test]
    fn a_value_without_a_quality_is_bad_unless_it_need_not_have_one() {
        for required in [true, false] {
            let (path, good) = (String::new(), Good::Usual);
            let quality = Quality {
                path,
                good,
                required,
            };
            for found in [Found::Nothing, Found::Null] {
                assert_eq!(quality.is_good(&found), !required);
            }
        }
    }
}
