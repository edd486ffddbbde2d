//! Topic templates: `plant/{line}/{machine}/telemetry` as a topic filter, and what a topic says in its captures. Pure.

use crate::config::section::Id;

/// The place that names the machine.
pub const MACHINE: &str = "machine";

/// So many named places a template may have beside that of the machine.
const CAPTURES: usize = 8;
/// So many characters of a topic are shown.
const LONGEST_SHOWN: usize = 200;
/// The longest name of a place, in bytes.
const LONGEST_NAME: usize = 32;

/// A topic with named places (MQTT 3.1.1, 4.7 for everything but the names).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Whom the messages are shared with: of each group one client gets each message (MQTT 5, 4.8.2).
    group: Option<String>,
    levels: Vec<Level>,
}

/// What a shared subscription begins with; its group and the topic follow.
const SHARE: &str = "$share/";

#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    Literal(String),
    Capture(String),
    /// `+`
    Any,
    /// `#`, last only.
    Rest,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > 1024 || text.contains('\0') {
            return Err("must be a topic of 1 to 1024 bytes".to_owned());
        }
        let (group, topic) = match text.strip_prefix(SHARE) {
            None => (None, text),
            Some(rest) => {
                let shared = rest.split_once('/').filter(|(group, topic)| {
                    !group.is_empty() && !group.contains(['+', '#', '{', '}']) && !topic.is_empty()
                });
                let (group, topic) =
                    shared.ok_or("must be like $share/group/topic, with a name for the group")?;
                (Some(group.to_owned()), topic)
            }
        };
        let mut levels: Vec<Level> = Vec::new();
        for level in topic.split('/') {
            if levels.last() == Some(&Level::Rest) {
                return Err("may have `#` only as its last level".to_owned());
            }
            let level = parse_level(level)?;
            if let Level::Capture(name) = &level
                && levels.contains(&level)
            {
                return Err(format!("has {{{name}}} twice"));
            }
            levels.push(level);
        }
        let captures = levels
            .iter()
            .filter(|level| matches!(level, Level::Capture(name) if name != MACHINE));
        if captures.count() > CAPTURES {
            return Err(format!("has more than {CAPTURES} names beside {{machine}}"));
        }
        Ok(Self { group, levels })
    }

    /// The filter to subscribe to.
    pub fn filter(&self) -> String {
        let levels = self.levels.iter().map(|level| match level {
            Level::Literal(text) => text.as_str(),
            Level::Capture(_) | Level::Any => "+",
            Level::Rest => "#",
        });
        let filter = levels.collect::<Vec<_>>().join("/");
        match &self.group {
            Some(group) => format!("{SHARE}{group}/{filter}"),
            None => filter,
        }
    }

    /// Whether its messages are shared with other clients.
    pub fn is_shared(&self) -> bool {
        self.group.is_some()
    }

    /// Whether it has a place of this name.
    pub fn has(&self, capture: &str) -> bool {
        let wanted = |level: &Level| matches!(level, Level::Capture(name) if name == capture);
        self.levels.iter().any(wanted)
    }

    /// Whether some topic matches both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let literal = |level: Option<&Level>| match level {
            Some(Level::Literal(text)) => Some(text.clone()),
            _ => None,
        };
        // What the broker says about itself is matched by its own name only.
        let hidden = |one: &Self, of: &Self| {
            let first = literal(one.levels.first());
            first.is_some_and(|first| first.starts_with('$'))
                && literal(of.levels.first()).is_none()
        };
        if hidden(self, other) || hidden(other, self) {
            return false;
        }
        let (mut ours, mut theirs) = (self.levels.iter(), other.levels.iter());
        loop {
            match (ours.next(), theirs.next()) {
                (Some(Level::Rest), _) | (_, Some(Level::Rest)) | (None, None) => return true,
                (Some(Level::Literal(one)), Some(Level::Literal(other))) if one != other => {
                    return false;
                }
                (Some(_), Some(_)) => {}
                (None, Some(_)) | (Some(_), None) => return false,
            }
        }
    }

    /// What a topic says in the named places, in their order; `None` if it does not match.
    pub fn captures<'s>(&'s self, topic: &'s str) -> Option<Vec<(&'s str, &'s str)>> {
        // Wildcards never match what the broker says about itself (4.7.2).
        if topic.starts_with('$') && !matches!(self.levels.first(), Some(Level::Literal(_))) {
            return None;
        }
        let mut found = Vec::new();
        let mut parts = topic.split('/');
        for level in &self.levels {
            match (level, parts.next()) {
                // `a/#` also matches `a`.
                (Level::Rest, _) => return Some(found),
                (Level::Any, Some(_)) => {}
                (Level::Literal(text), Some(part)) if text == part => {}
                (Level::Capture(name), Some(part)) => found.push((name.as_str(), part)),
                _ => return None,
            }
        }
        parts.next().is_none().then_some(found)
    }
}

fn parse_level(level: &str) -> Result<Level, String> {
    match level {
        "+" => return Ok(Level::Any),
        "#" => return Ok(Level::Rest),
        _ => {}
    }
    if let Some(name) = level
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let fits = (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(named);
        return match fits {
            true => Ok(Level::Capture(name.to_owned())),
            false => Err(format!(
                "has {{{name}}}; the name between the braces must be of a-z, 0-9 and _, at most {LONGEST_NAME} of them"
            )),
        };
    }
    if level.contains(['{', '}', '+', '#']) {
        return Err(format!(
            "has `{level}` in it; {{..}}, + and # stand for whole levels between two `/`"
        ));
    }
    Ok(Level::Literal(level.to_owned()))
}

/// Maps what comes from outside to an id: lower case, and `-` for what an id cannot have.
pub fn to_id(text: &str) -> Option<Id> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let lower = text.chars().flat_map(char::to_lowercase);
    let mapped: String = lower.map(|c| if allowed(c) { c } else { '-' }).collect();
    let trimmed = mapped.trim_start_matches(['.', '_', '-']);
    Id::new(&trimmed[..trimmed.len().min(64)])
}

/// A topic or a name of it as a log may show it: cut, and without control characters.
pub(super) fn shown(text: &str) -> String {
    let plain = |c: char| match c.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    let mut shown: String = text.chars().take(LONGEST_SHOWN).map(plain).collect();
    if shown.len() < text.len() && text.chars().nth(LONGEST_SHOWN).is_some() {
        shown.push_str("..");
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_template_is_a_filter_and_finds_the_machine() {
        let template = Template::parse("plant/{line}/{machine}/telemetry").unwrap();
        assert_eq!(template.filter(), "plant/+/+/telemetry");
        assert!(template.has("machine") && !template.has("plant"));
        assert_eq!(
            template.captures("plant/l1/Mill 1/telemetry"),
            Some(vec![("line", "l1"), ("machine", "Mill 1")])
        );
        for other in [
            "plant/l1/m/telemetry/x",
            "plant/l1/telemetry",
            "Plant/l1/m/telemetry",
            "",
        ] {
            assert_eq!(template.captures(other), None, "{other}");
        }
    }

    #[test]
    fn mistakes_in_a_template_are_explained() {
        for (text, part) in [
            ("", "1 to 1024"),
            ("a/#/b", "last level"),
            ("a/{b}/{b}", "twice"),
            ("a/mill-{machine}", "whole levels"),
            ("a/{Machine}", "a-z"),
            ("a+/b", "whole levels"),
            ("$share/a", "$share/group/topic"),
            ("$share//a", "$share/group/topic"),
            ("$share/g/", "$share/group/topic"),
            ("$share/{machine}/a", "$share/group/topic"),
            ("$share/g/a/#/b", "last level"),
            (
                "{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{machine}",
                "more than 8",
            ),
            ("{abcdefghijklmnopqrstuvwxyz0123456}", "at most 32"),
        ] {
            let why = Template::parse(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }

    #[test]
    fn a_shared_subscription_matches_what_its_topic_does() {
        let template = Template::parse("$share/agents/plant/{machine}/#").unwrap();
        assert!(template.is_shared());
        assert_eq!(template.filter(), "$share/agents/plant/+/#");
        let captures = template.captures("plant/mill-1/load");
        assert_eq!(captures, Some(vec![("machine", "mill-1")]));
        assert_eq!(template.captures("$share/agents/plant/mill-1/load"), None);
    }

    #[test]
    fn wildcards_do_not_match_the_topics_of_the_broker() {
        let template = |text| Template::parse(text).unwrap();
        assert_eq!(template("{machine}/load").captures("$SYS/load"), None);
        assert_eq!(template("#").captures("$SYS/load"), None);
        assert!(template("$SYS/#").captures("$SYS/load").is_some());
    }

    #[test]
    fn names_from_outside_become_ids() {
        let id = |text| to_id(text).map(|id| id.0.to_string());
        assert_eq!(id("Mill 1").as_deref(), Some("mill-1"));
        assert_eq!(id("--Ä/x").as_deref(), Some("x"));
        assert_eq!(id("__"), None);
        assert_eq!(id(&"a".repeat(99)).map(|id| id.len()), Some(64));
    }

    #[test]
    fn what_is_logged_of_a_topic_is_short_and_harmless() {
        assert_eq!(shown("plant/Öl"), "plant/Öl");
        assert_eq!(shown("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(shown(&"ä".repeat(60_000)).chars().count(), 202);
    }

    #[test]
    fn templates_overlap_where_a_topic_matches_both() {
        let template = |text| Template::parse(text).unwrap();
        for (one, other, expected) in [
            ("a/{machine}/x", "a/b/+", true),
            ("a/+", "a/+", true),
            ("a/#", "a", true),
            ("#", "a/b", true),
            ("a/{m}/x", "a/{m}/y", false),
            ("a/b", "a/b/c", false),
            ("#", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
        ] {
            let (one, other) = (template(one), template(other));
            assert_eq!(one.overlaps(&other), expected, "{one:?} {other:?}");
            assert_eq!(other.overlaps(&one), expected, "{other:?} {one:?}");
        }
    }

    /// The matching of the specification, written as recursion over levels.
    fn naive(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            ([], []) | (["#"], _) => true,
            (["+", filter @ ..], [_, topic @ ..]) => naive(filter, topic),
            ([level, filter @ ..], [part, topic @ ..]) => level == part && naive(filter, topic),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_specification(
            filter in "(a|b|\\+|)(/(a|b|\\+|)){0,3}(/#)?",
            topic in "\\$?(a|b|c|)(/(a|b|c|)){0,4}",
        ) {
            prop_assume!(!filter.is_empty());
            let template = Template::parse(&filter).unwrap();
            let levels = |text| str::split(text, '/').collect::<Vec<_>>();
            let hidden = topic.starts_with('$') && filter.starts_with(['+', '#']);
            let expected = !hidden && naive(&levels(&filter), &levels(&topic));
            prop_assert_eq!(template.captures(&topic).is_some(), expected);
            prop_assert_eq!(template.filter(), filter);
        }

        #[test]
        fn what_matches_two_templates_makes_them_overlap(
            one in "(a|b|\\+|)(/(a|b|\\+|)){0,3}(/#)?",
            other in "(a|b|\\+|)(/(a|b|\\+|)){0,3}(/#)?",
            topic in "(a|b|c|)(/(a|b|c|)){0,4}",
        ) {
            prop_assume!(!one.is_empty() && !other.is_empty());
            let (one, other) = (Template::parse(&one).unwrap(), Template::parse(&other).unwrap());
            if one.captures(&topic).is_some() && other.captures(&topic).is_some() {
                prop_assert!(one.overlaps(&other) && other.overlaps(&one));
            }
        }

        #[test]
        fn nothing_makes_it_panic(template in ".{0,40}", topic in ".{0,40}") {
            if let Ok(template) = Template::parse(&template) {
                let _ = template.captures(&topic);
                prop_assert!(Template::parse(&template.filter()).is_ok());
            }
            if let Some(id) = to_id(&topic) {
                prop_assert!(Id::new(&id.0).is_some());
            }
        }
    }
}
