//! What people must know about the database that a start found.

use std::path::Path;

use super::Concerns;
use crate::{
    alert::{plant::Severity, signal::Signal},
    clock::Wall,
    store::{
        Found, contents,
        restore::{PutBack, Restored},
    },
};

/// The rule of a database that was set aside, put back or changed its machine.
const STORE_RULE: &str = "andon.store";

impl Concerns {
    /// A start found this.
    pub(in crate::agent) fn found(&mut self, found: &Found, restored: &Restored) {
        if let Found::MemoryOnly { why } = found {
            tracing::error!("nothing can be written to disk: {why}");
            self.stored(false);
            return;
        }
        let Some((message, action)) = story(found, restored) else {
            self.say(Signal::gone(STORE_RULE, Signal::AGENT));
            return;
        };
        tracing::error!("{message}; {action}");
        self.say(Signal::raised(
            STORE_RULE,
            Signal::AGENT,
            Severity::Error,
            message,
            &action,
        ));
    }
}

/// What happened and what to do.
fn story(found: &Found, restored: &Restored) -> Option<(String, String)> {
    let name = |path: &Path| path.display().to_string();
    if let Found::SetAside { path, why } = found {
        let owed = contents::owed(path);
        let message = format!(
            "the database could not be used ({why}); a new one was begun, the old one is {}",
            name(path)
        );
        let action = match owed {
            Some(0) => {
                "Nothing was pending in the old one; keep the file and look at it.".to_owned()
            }
            Some(owed) => format!(
                "{owed} deliveries were pending in the old one: `andon outbox import {}` sends them.",
                name(path)
            ),
            None => format!(
                "What was pending in the old one is sent by `andon outbox import {}`, as far as it can be read.",
                name(path)
            ),
        };
        return Some((message, action));
    }
    let (mut message, mut action) = match restored.put_back {
        Some(put_back) => told(put_back),
        None if restored.cloned => (String::new(), String::new()),
        None => return None,
    };
    if restored.cloned {
        let text = "the database came from another machine: this agent has a new id and its receivers a new stream";
        if !message.is_empty() {
            message += "; ";
        }
        message += text;
        if action.is_empty() {
            action = "If the image was cloned, nothing is to be done; close this alert.".to_owned();
        }
    }
    Some((message, action))
}

fn told(put_back: PutBack) -> (String, String) {
    let from = match put_back.from {
        0 => "a backup".to_owned(),
        from => format!("a backup of {}", Wall::from_millis(from)),
    };
    let pending = match (put_back.resent, put_back.dropped) {
        (0, 0) => "nothing was pending in it".to_owned(),
        (resent, 0) => format!("{resent} deliveries that were pending in it are sent again"),
        (_, dropped) => format!("{dropped} deliveries that were pending in it were given up"),
    };
    let message = format!(
        "the database was restored from {from}: what happened since is not in it; {pending}"
    );
    let action = "Look whether receivers and people know the state of today; the database that was replaced lies beside it.";
    (message, action.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_database_tells_from_when_it_is_and_what_became_of_what_was_pending() {
        let mut restored = Restored {
            put_back: Some(PutBack {
                from: 1_775_298_605_120,
                resent: 0,
                dropped: 3,
            }),
            ..Restored::default()
        };
        let (message, _) = story(&Found::Existing, &restored).unwrap();
        assert_eq!(
            message,
            "the database was restored from a backup of 2026-04-04T10:30:05.120Z: what happened since is not in it; \
             3 deliveries that were pending in it were given up"
        );
        restored.cloned = true;
        let (message, _) = story(&Found::Existing, &restored).unwrap();
        assert!(message.ends_with("a new stream"), "{message}");
        assert_eq!(story(&Found::Existing, &Restored::default()), None);
    }

    #[test]
    fn a_database_that_was_set_aside_comes_with_the_command_that_saves_it() {
        let found = Found::SetAside {
            path: "/data/andon.db.newer-1".into(),
            why: "it is newer".to_owned(),
        };
        let (message, action) = story(&found, &Restored::default()).unwrap();
        assert!(message.contains("it is newer"));
        assert!(action.contains("`andon outbox import /data/andon.db.newer-1`"));
    }
}
