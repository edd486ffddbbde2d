//! How people name things: `A-1042`, `mill-1`, `mill-1/spindle-overtemp`, `site`. Whether they exist is for the core to say.

use std::sync::Arc;

use crate::{
    alert::command::{AlertRef, Target},
    config::section::Id,
};

/// What shelving the whole site is called.
const SITE: &str = "site";

/// An alert by its number or by the names of its watch.
pub(super) fn alert(text: &str) -> Result<AlertRef, String> {
    if let Some(number) = number(text) {
        return Ok(AlertRef::Number(number));
    }
    match watch(text) {
        Some((machine, rule)) => Ok(AlertRef::Watch { machine, rule }),
        None => Err(format!(
            "{text:?} names no alert; write A-1042, or machine/rule like mill-1/spindle-overtemp"
        )),
    }
}

/// What can be shelved.
pub(super) fn target(text: &str) -> Result<Target, String> {
    if text == SITE {
        return Ok(Target::Site);
    }
    if let Some(number) = number(text) {
        return Ok(Target::Alert(number));
    }
    if let Some((machine, rule)) = watch(text) {
        return Ok(Target::Watch { machine, rule });
    }
    match Id::new(text) {
        Some(machine) => Ok(Target::Machine(machine.0)),
        None => Err(format!(
            "{text:?} names nothing; write A-1042, mill-1, mill-1/spindle-overtemp or site"
        )),
    }
}

/// A machine.
pub(super) fn machine(text: &str) -> Result<Arc<str>, String> {
    let id = Id::new(text).map(|id| id.0);
    id.ok_or_else(|| format!("{text:?} names no machine; write its id, like mill-1"))
}

/// 1042 of `A-1042`. Ids are lower case, so that it never is a machine's.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("A-")?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

fn watch(text: &str) -> Option<(Arc<str>, Arc<str>)> {
    let (machine, rule) = text.split_once('/')?;
    Some((Id::new(machine)?.0, Id::new(rule)?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_people_write_is_understood() {
        let watch = |machine: &str, rule: &str| (machine.into(), rule.into());
        assert_eq!(alert("A-1042"), Ok(AlertRef::Number(1042)));
        let (machine, rule) = watch("mill-1", "andon.blind");
        assert_eq!(
            alert("mill-1/andon.blind"),
            Ok(AlertRef::Watch { machine, rule })
        );
        assert_eq!(target("site"), Ok(Target::Site));
        assert_eq!(target("A-7"), Ok(Target::Alert(7)));
        assert_eq!(target("a-7"), Ok(Target::Machine("a-7".into())));
        let (machine, rule) = watch("mill-1", "hot");
        assert_eq!(target("mill-1/hot"), Ok(Target::Watch { machine, rule }));
    }

    #[test]
    fn anything_else_is_refused_with_the_forms_that_are_right() {
        for bad in [
            "",
            "A-",
            "A-+1",
            "A-99999999999999999999",
            "mill 1/x",
            "a/b/c",
            "/x",
        ] {
            assert!(alert(bad).unwrap_err().contains("A-1042"), "{bad}");
            assert!(target(bad).unwrap_err().contains("A-1042"), "{bad}");
        }
        assert!(alert("mill-1").is_err());
    }
}
