//! The sentence that goes to somebody by WhatsApp, whoever carries it.

use crate::destination::{
    Told,
    chat::{fit, length, unmarked},
    text::{for_attempt, harmless},
};

/// One line with single spaces, as a parameter of a template has to be, at most so long in UTF-16, and cut before the alert's number, by
/// which people answer.
pub(in crate::destination) fn sentence(told: &Told<'_>, most: usize) -> String {
    let sentence = harmless(&for_attempt(told.notice, told.attempt), usize::MAX);
    let whole = fit(&sentence, usize::MAX, unmarked);
    if length(&whole) <= most {
        return whole;
    }
    let number = format!(" A-{}", told.notice.alert.number);
    fit(&sentence, most.saturating_sub(length(&number)), unmarked) + &number
}
