//! Whether whoever is called hears how it ends: what `check` says of routes to destinations that take no ends.

use std::sync::Arc;

use super::{CALLS, Routes};
use crate::{alert::event::EventKind, config::section::Problems};

impl Routes {
    /// Reports routes that call people of whom nobody is told that an alert is over. What goes on leaves that to others.
    pub fn check_ends(&self, problems: &Problems) {
        for route in self.routes.iter().filter(|route| !route.goes_on) {
            let calls = route.kinds().iter().any(|kind| CALLS.contains(kind));
            if !calls || route.to.is_empty() || route.to.iter().any(|name| self.ends(name)) {
                continue;
            }
            let names: Vec<String> = route.to.iter().map(|name| format!("\"{name}\"")).collect();
            let message = format!(
                "calls {} and nobody else, who are never told that an alert is over; name somebody who is, or let them be told by `events` or `send_resolved`",
                names.join(", ")
            );
            let path = format!("route.{:04}.to", route.number);
            problems.warn(route.place.as_ref(), &path, message);
        }
    }

    /// Whether a destination is told of ends. Of one that could not be read that is not known.
    fn ends(&self, destination: &Arc<str>) -> bool {
        let limits = self.limits.get(destination);
        limits.is_none_or(|limits| limits.kinds.contains(&EventKind::Resolved))
    }
}
