//! A command on this host: a siren, a display, a script of the plant. It is started for each event, without a shell.
//!
//! What it is told stands in its environment (`ANDON_..`, see [`environment`]) and, as a native payload, on its standard input. It says by
//! its exit code what became of it: 0 is accepted, 75 (`EX_TEMPFAIL`) asks for another attempt, anything else refuses; being ended by a
//! signal or by the time limit counts as failed. Off unless the main file says `allow_commands = true`: who may write a file of `conf.d`
//! must not be able to run programs by that.

use std::{sync::Arc, time::Duration};

use super::{
    Abilities, Answer, Carrier, Errand, Kind, Outcome, RenderError, Request, Terms, Told, events,
    text::{self, harmless},
    webhook::native,
};
use crate::{alert::event::EventKind, config::section::Section};

/// It asks for another attempt: `EX_TEMPFAIL` of sysexits.h.
const TRY_LATER: u16 = 75;
/// The most words of a command.
const WORDS: usize = 64;
/// The most characters of one variable.
const VALUE: usize = 1000;

/// What is run, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// An absolute path and its arguments.
    pub words: Vec<String>,
    /// After this it is killed, with all that it has started.
    pub timeout: Duration,
}

/// What one run is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Names and values of its environment, beside `PATH`.
    pub environment: Vec<(&'static str, String)>,
    /// What it reads from its standard input.
    pub input: String,
}

#[derive(Debug)]
struct Command {
    program: Program,
    give_up_on: Vec<u16>,
    events: Vec<EventKind>,
}

/// Reads `type = "command"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    // A siren is not to be switched on and off at once.
    let terms = Terms {
        concurrency: 1,
        ..Terms::default()
    };
    let terms = Terms::read(section, terms);
    let events = events::read(section, &EventKind::ALL);
    let (least, most) = (Duration::from_secs(1), Duration::from_secs(300));
    let timeout = section.ranged("timeout", Duration::from_secs(10), least..=most);
    let give_up_on: Vec<i64> = section.get("give_up_on", Vec::new());
    let refusals = |code: &i64| (1..256).contains(code) && *code != i64::from(TRY_LATER);
    if !give_up_on.iter().all(refusals) {
        section.error(
            "give_up_on",
            "must list exit codes that refuse: 1 to 255, without 75, which means later",
        );
    }
    let words: Vec<String> = section.required("command")?;
    let absolute = words.first().is_some_and(|path| path.starts_with('/'));
    if !absolute || words.len() > WORDS || words.iter().any(|word| word.contains('\0')) {
        section.error("command", format!("must be an absolute path and its arguments, at most {WORDS} words, like [\"/usr/local/bin/siren\", \"--on\"]; no shell reads them"));
        return None;
    }
    let command = Command {
        program: Program { words, timeout },
        give_up_on: give_up_on
            .into_iter()
            .filter_map(|code| u16::try_from(code).ok())
            .collect(),
        events,
    };
    Some((Arc::new(command), terms))
}

impl Kind for Command {
    fn word(&self) -> &'static str {
        "command"
    }

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    /// A siren that is on stays on until it is told of the end.
    fn abilities(&self) -> Abilities {
        Abilities {
            stays_open: true,
            ends_tests: true,
            ..Abilities::MESSAGE
        }
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier::Command(&self.program)
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        let payload = native::payload(told.notice, told.attempt)?;
        let run = Run {
            environment: environment(told)?,
            input: told.json(&payload)? + "\n",
        };
        Ok(Request::Run(run).into())
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let said = harmless(&answer.body, VALUE);
        let said = if said.is_empty() {
            said
        } else {
            format!(": {said}")
        };
        let why = format!("exit code {}{said}", answer.status);
        let outcome = match answer.status {
            0 => Outcome::Accepted {
                detail: why,
                provider_id: None,
            },
            TRY_LATER => Outcome::Failed {
                why,
                retry_after: None,
            },
            code => Outcome::Refused {
                why,
                give_up: self.give_up_on.contains(&code),
            },
        };
        (outcome, None)
    }
}

/// All variables that a command gets beside `PATH`; one without a value is there and empty.
fn environment(told: &Told<'_>) -> Result<Vec<(&'static str, String)>, RenderError> {
    let (notice, alert) = (told.notice, &told.notice.alert);
    let by = notice.by.as_ref().filter(|_| !told.attempt.as_trigger);
    let yes = |is: bool| if is { "1" } else { "0" }.to_owned();
    let all = [
        ("ANDON_EVENT", told.kind()?.word().to_owned()),
        ("ANDON_ID", notice.id.clone()),
        ("ANDON_TEXT", text::for_attempt(notice, told.attempt)),
        ("ANDON_SITE", notice.site.clone()),
        ("ANDON_SITE_NAME", notice.site_name.clone()),
        ("ANDON_ALERT", format!("A-{}", alert.number)),
        ("ANDON_DEDUP_KEY", notice.dedup_key.clone()),
        ("ANDON_MACHINE", alert.machine.clone()),
        ("ANDON_MACHINE_NAME", alert.machine_name.clone()),
        ("ANDON_RULE", alert.rule.clone()),
        ("ANDON_SEVERITY", alert.severity.clone()),
        ("ANDON_STATE", alert.state.clone()),
        ("ANDON_MESSAGE", alert.message.clone()),
        ("ANDON_ACTION", alert.action.clone()),
        ("ANDON_TAG", alert.tag.clone().unwrap_or_default()),
        (
            "ANDON_VALUE",
            alert
                .value
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
        ),
        ("ANDON_UNIT", alert.unit.clone()),
        (
            "ANDON_LIMIT",
            alert
                .limit
                .map_or_else(String::new, |limit| limit.to_string()),
        ),
        (
            "ANDON_BY",
            by.map_or_else(String::new, |by| by.name.clone()),
        ),
        ("ANDON_LATE_SECONDS", told.attempt.late_seconds.to_string()),
        ("ANDON_TEST", yes(notice.test)),
        ("ANDON_DRILL", yes(notice.drill)),
    ];
    Ok(all
        .map(|(name, value)| (name, harmless(&value, VALUE)))
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{
        Destination,
        testbed::{meant, read},
    };

    fn siren() -> Destination {
        read("type = \"command\"\ncommand = [\"/usr/local/bin/siren\"]\ngive_up_on = [64]")
            .expect("a destination")
    }

    #[test]
    fn an_exit_code_says_what_became_of_it() {
        for (code, expected) in [
            (
                0,
                Outcome::Accepted {
                    detail: "exit code 0: it howls".to_owned(),
                    provider_id: None,
                },
            ),
            (
                75,
                Outcome::Failed {
                    why: "exit code 75: it howls".to_owned(),
                    retry_after: None,
                },
            ),
            (
                1,
                Outcome::Refused {
                    why: "exit code 1: it howls".to_owned(),
                    give_up: false,
                },
            ),
            (
                64,
                Outcome::Refused {
                    why: "exit code 64: it howls".to_owned(),
                    give_up: true,
                },
            ),
        ] {
            let answer = Answer {
                status: code,
                body: "it\nhowls\u{1b}\n".to_owned(),
                ..Answer::default()
            };
            assert_eq!(meant(&siren(), EventKind::Triggered, &answer).0, expected);
        }
    }
}
