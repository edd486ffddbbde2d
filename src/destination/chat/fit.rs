//! A text as markup of somebody else, cut without breaking it: a character and what it became stay together.

/// A character and its neighbours.
#[derive(Clone, Copy, Debug)]
pub(in crate::destination) struct Spot {
    before: Option<char>,
    pub(in crate::destination) is: char,
    after: Option<char>,
}

impl Spot {
    /// Whether it stands inside a word, as in `spindle_temp`, where most markup means nothing.
    pub(in crate::destination) fn in_word(self) -> bool {
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        letter(self.before) && letter(self.after)
    }

    /// Whether it is the first of its text.
    pub(in crate::destination) fn is_first(self) -> bool {
        self.before.is_none()
    }

    /// Whether this comes before it.
    pub(in crate::destination) fn follows(self, c: char) -> bool {
        self.before == Some(c)
    }
}

/// How long a text is at most for any chat: in UTF-16, where nothing is shorter than in characters.
pub(in crate::destination) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text with each character written by `escape`, at most `limit` long; the last character is `…` if something was cut.
pub(in crate::destination) fn fit(
    text: &str,
    limit: usize,
    escape: impl Fn(Spot, &mut String),
) -> String {
    let mut fitted = String::with_capacity(text.len());
    let (mut long, mut cut) = (0, 0);
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(is) = rest.next() {
        let start = fitted.len();
        let after = rest.peek().copied();
        escape(Spot { before, is, after }, &mut fitted);
        long += length(&fitted[start..]);
        // One more must fit behind what is kept.
        if long < limit {
            cut = fitted.len();
        }
        if long > limit {
            fitted.truncate(cut);
            fitted.push('…');
            break;
        }
        before = Some(is);
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entities(spot: Spot, text: &mut String) {
        match spot.is {
            '&' => text.push_str("&amp;"),
            c => text.push(c),
        }
    }

    #[test]
    fn a_text_is_cut_between_characters_and_never_inside_what_one_became() {
        for (limit, expected) in [
            (12, "a&amp;b&amp;"),
            (11, "a&amp;b…"),
            (7, "a&amp;…"),
            (6, "a…"),
            (5, "a…"),
            (1, "…"),
        ] {
            assert_eq!(fit("a&b&", limit, entities), expected, "{limit}");
        }
        // A character outside the first plane is two.
        assert_eq!(fit("🚨🚨", 4, entities), "🚨🚨");
        assert_eq!(fit("🚨🚨", 3, entities), "🚨…");
        assert_eq!(fit("", 3, entities), "");
    }

    #[test]
    fn neighbours_say_whether_it_is_in_a_word() {
        let marked = fit("a_b _c d_", 99, |spot, text| {
            text.push(spot.is);
            if spot.is == '_' && !spot.in_word() {
                text.push('!');
            }
        });
        assert_eq!(marked, "a_b _!c d_!");
    }
}
