//! Short messages: a sentence that fits, in the characters that telephones count as one.
//!
//! A message in GSM's own alphabet takes 153 characters for each part, one character outside of it makes that 67. So what has a like is
//! written with it, and the rest as `?`, unless `characters` says `unicode`.

use std::ops::RangeInclusive;

use super::{Told, text};
use crate::config::section::Section;

/// The basic alphabet of GSM 03.38; each takes one place.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension; each takes two.
const EXTENDED: &str = "^{}\\[~]|€\u{c}";
/// What is written otherwise in it.
const LIKE: [(char, &str); 40] = [
    ('…', "..."),
    ('–', "-"),
    ('—', "-"),
    ('−', "-"),
    ('‘', "'"),
    ('’', "'"),
    ('“', "\""),
    ('”', "\""),
    ('„', "\""),
    ('«', "\""),
    ('»', "\""),
    ('°', ""),
    ('µ', "u"),
    ('μ', "u"),
    ('²', "2"),
    ('³', "3"),
    ('Ω', "Ω"),
    ('×', "x"),
    ('·', "."),
    ('•', "-"),
    ('\u{a0}', " "),
    ('\t', " "),
    ('`', "'"),
    ('á', "a"),
    ('â', "a"),
    ('ã', "a"),
    ('ç', "Ç"),
    ('ê', "e"),
    ('ë', "e"),
    ('í', "i"),
    ('î', "i"),
    ('ï', "i"),
    ('ó', "o"),
    ('ô', "o"),
    ('õ', "o"),
    ('ú', "u"),
    ('û', "u"),
    ('≥', ">="),
    ('≤', "<="),
    ('→', "->"),
];

/// The most characters that any of our services takes.
const MOST: RangeInclusive<i64> = 70..=1600;

/// How long a message may be, and in which characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sms {
    most: usize,
    characters: Characters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Characters {
    Gsm,
    Unicode,
}

impl Sms {
    /// Reads `max_characters` and `characters`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let words = [("gsm", Characters::Gsm), ("unicode", Characters::Unicode)];
        let most = section.ranged("max_characters", 300, MOST);
        Self {
            most: usize::try_from(most).unwrap_or(300),
            characters: section
                .word("characters", &words)
                .unwrap_or(Characters::Gsm),
        }
    }

    /// The most characters.
    pub(super) fn most(self) -> usize {
        self.most
    }

    /// The sentence of what is told. What is too long is cut before the alert's number, by which people answer.
    pub(super) fn text(self, told: &Told<'_>) -> String {
        let sentence = text::for_attempt(told.notice, told.attempt);
        self.fit(&sentence, &format!(" A-{}", told.notice.alert.number))
    }

    fn fit(self, sentence: &str, number: &str) -> String {
        let (written, cost, mark): (String, fn(char) -> usize, &str) = match self.characters {
            Characters::Gsm => (gsm(sentence), places, "..."),
            // Astral characters take two of the sixteen-bit units that are counted.
            Characters::Unicode => (sentence.to_owned(), char::len_utf16, "…"),
        };
        let long = |text: &str| text.chars().map(cost).sum::<usize>();
        if long(&written) <= self.most {
            return written;
        }
        let room = self.most - long(mark) - long(number);
        let mut used = 0;
        let fits = |c: &char| {
            used += cost(*c);
            used <= room
        };
        let kept: String = written.chars().take_while(fits).collect();
        format!("{}{mark}{number}", kept.trim_end())
    }
}

fn places(c: char) -> usize {
    1 + usize::from(EXTENDED.contains(c))
}

/// The text in GSM's alphabet.
fn gsm(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match LIKE.iter().find(|(like, _)| *like == c) {
            _ if BASIC.contains(c) || EXTENDED.contains(c) => written.push(c),
            Some((_, like)) => written += like,
            None => written.push('?'),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Sms = Sms {
        most: 70,
        characters: Characters::Gsm,
    };

    #[test]
    fn a_message_is_in_the_alphabet_of_telephones() {
        assert_eq!(
            SHORT.fit("[CRITICAL] Ölpumpe „2“: 97.3 °C ≥ 95.0 °C…", " A-1"),
            "[CRITICAL] Ölpumpe \"2\": 97.3 C >= 95.0 C..."
        );
        assert_eq!(SHORT.fit("насос 🚨", ""), "????? ?");
        let unicode = Sms {
            characters: Characters::Unicode,
            ..SHORT
        };
        assert_eq!(unicode.fit("насос 🚨", ""), "насос 🚨");
    }

    #[test]
    fn what_is_cut_keeps_the_number_and_its_limit() {
        let text = format!("{} A-1042", "x".repeat(200));
        let cut = SHORT.fit(&text, " A-1042");
        assert_eq!(cut, format!("{}... A-1042", "x".repeat(60)));
        // Brackets and braces take two places.
        let cut = SHORT.fit(&"{".repeat(100), " A-1");
        assert_eq!(cut, format!("{}... A-1", "{".repeat(31)));
        let unicode = Sms {
            characters: Characters::Unicode,
            ..SHORT
        };
        let cut = unicode.fit(&"🚨".repeat(100), " A-1");
        assert_eq!(cut, format!("{}… A-1", "🚨".repeat(32)));
    }
}
