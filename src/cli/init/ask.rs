//! One question after the other. The same words serve a person at a terminal and a pipe.

use super::super::{exit::Failure, terminal::Terminal};

/// Asks at a terminal.
pub(super) struct Asker<'a, 't> {
    pub(super) terminal: &'a mut Terminal<'t>,
    /// Takes defaults instead of asking.
    pub(super) yes: bool,
}

/// A question and where else its answer may come from.
pub(super) struct Question<'q> {
    /// The flag that answers it, without its dashes.
    pub(super) flag: &'static str,
    /// What that flag said.
    pub(super) given: Option<&'q str>,
    /// The question.
    pub(super) text: &'q str,
    /// What an empty answer means; without one there must be an answer.
    pub(super) default: Option<&'q str>,
}

impl Asker<'_, '_> {
    /// The answer, read by `read`. An answer that cannot be read is asked for again; a flag that cannot ends the verb.
    pub(super) fn ask<T>(
        &mut self,
        question: &Question<'_>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        let flag = question.flag;
        let bad = |why: String| Failure::usage(format!("--{flag} {why}"));
        if let Some(given) = question.given {
            return read(given).map_err(bad);
        }
        let by_default = || match question.default {
            Some(default) => read(default).map_err(bad),
            None => Err(Failure::usage(format!("--{flag} is missing"))),
        };
        if self.yes {
            return by_default();
        }
        loop {
            let default = match question.default {
                Some("") => " [none]".to_owned(),
                Some(default) => format!(" [{default}]"),
                None => String::new(),
            };
            write!(self.terminal.out, "{}{default}: ", question.text)?;
            self.terminal.out.flush()?;
            let mut line = String::new();
            let read_bytes = self.terminal.input.read_line(&mut line);
            let read_bytes = read_bytes
                .map_err(|error| Failure::not_fine(format!("no answer can be read: {error}")))?;
            if read_bytes == 0 {
                // The end of a pipe, or Ctrl-D: nobody is there to be asked again.
                self.terminal.line("")?;
                return by_default();
            }
            let answer = match (line.trim(), question.default) {
                ("", None) => continue,
                ("", Some(default)) => default,
                (answer, _) => answer,
            };
            match read(answer) {
                Ok(answer) => return Ok(answer),
                Err(why) => self.terminal.line(format!("  {answer:?} {why}"))?,
            }
        }
    }
}
