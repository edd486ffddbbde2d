import os,shutil
R='/tmp/wt/routes/'
os.makedirs(R+'src/cli/routes',exist_ok=True)
for f in ['mod.rs','question.rs','words.rs','trial.rs']: shutil.copy('/tmp/stage/routes/'+f,R+'src/cli/routes/'+f)
shutil.copy('/tmp/stage/hearing.rs',R+'src/delivery/hearing.rs')
shutil.copy('/tmp/stage/silence.rs',R+'src/delivery/silence.rs')
shutil.copy('/tmp/stage/routing.rs',R+'src/cli/check/routing.rs')
def sub(p,*pairs):
    s=open(R+p).read()
    for a,b in pairs:
        assert a in s,(p,a)
        s=s.replace(a,b,1)
    open(R+p,'w').write(s)
sub('src/delivery/mod.rs',("pub mod dispatch;\n","pub mod dispatch;\npub mod hearing;\n"),("pub mod signature;\n","pub mod signature;\npub mod silence;\n"))
sub('src/delivery/route/mod.rs',('''    /// Where it is written.
    pub place''','''    /// As it is counted in messages, over all files.
    pub number: u32,
    /// Where it is written.
    pub place'''),
 ('''    /// Whether a destination is called to alerts''','''    /// Reports whom a route names and never calls, as all that it takes is too mild for them.
    pub fn check_limits(&self, problems: &Problems) {
        for route in &self.routes {
            let severities = &route.when.severity;
            let never = |name: &&Arc<str>| {
                let mut severities = severities.iter();
                severities.len() > 0 && !severities.any(|severity| self.calls(name, *severity))
            };
            for name in route.to.iter().filter(never) {
                let message = format!(
                    "names \\"{name}\\", whose `min_severity` is above everything that this route takes, so it is never called"
                );
                let path = format!("route.{:04}.to", route.number);
                problems.warn(route.place.as_ref(), &path, message);
            }
        }
    }

    /// Whether a destination is called to alerts'''),
 ("    config::tree::Place,","    config::{section::Problems, tree::Place},"))
sub('src/delivery/route/read.rs',
 ('''        for (_, section) in root.named("route") {
            routes.read_one(&section, known);''','''        for (number, section) in root.named("route") {
            routes.read_one(number.parse().unwrap_or(0), &section, known);'''),
 ("fn read_one(&mut self, section: &Section<'_>, known: &Known) {","fn read_one(&mut self, number: u32, section: &Section<'_>, known: &Known) {"),
 ('''            goes_on,
            place: Some''','''            goes_on,
            number,
            place: Some'''),
 ('''        let to: Option<Vec<Arc<str>>> = section.required("to");
        if let Some(to) = &to {
            self.check_targets(section, to);
        }
''','''        let mut to: Option<Vec<Arc<str>>> = section.required("to");
        if let Some(to) = &mut to {
            self.check_targets(section, to);
        }
'''),
)
s=open(R+'src/delivery/route/read.rs').read()
a=s.index("    fn check_targets"); b=s.index("const UNREACHABLE")
s=s[:a]+'''    fn check_targets(&self, section: &Section<'_>, to: &mut Vec<Arc<str>>) {
        let known = || self.all.iter().map(AsRef::as_ref);
        let problems = section.problems();
        to.retain(|name| {
            if self.all.contains(name) {
                return true;
            }
            if let Some(place) = problems.switched_off(&format!("destination.{name}")) {
                let message =
                    format!("names \\"{name}\\", which is switched off at {place}: it is not told");
                section.warn("to", message);
                return false;
            }
            let hint = nearest(name, known()).map(|near| format!("; did you mean \\"{near}\\"?"));
            let hint = hint.unwrap_or_default();
            let message = format!("names \\"{name}\\", but there is no such destination{hint}");
            section.error("to", message);
            true
        });
        if to.is_empty() {
            section.warn("to", "is empty: nobody is told about what this route takes");
        }
    }
}

'''+s[b:]
open(R+'src/delivery/route/read.rs','w').write(s)
sub('src/delivery/calendar/mod.rs',('''    fn named<'a>''','''    /// The week from `now`, and every date that hours name within 400 days with the day after it, cut where any hours open or
    /// close: nothing changes within a piece.
    pub fn pieces(&self, now: Wall) -> Vec<(Wall, Wall)> {
        let Some(from) = timestamp(now) else {
            return vec![(now, now)];
        };
        let today = from.to_zoned(self.zone.clone()).date();
        let day = |after: i32| today.checked_add(after.days()).unwrap_or(today);
        let mut dates: BTreeSet<Date> = (0..=7).map(day).collect();
        for hours in &self.hours {
            let named = hours.dates.iter().chain(&hours.holidays);
            let ahead = named.filter(|date| (today..=day(AHEAD)).contains(*date));
            dates.extend(ahead.flat_map(|date| [Some(*date), date.tomorrow().ok()]).flatten());
        }
        let begin = |date: Date| instant(date, 0, &self.zone, Edge::Opens);
        let mut edges: BTreeSet<Timestamp> = BTreeSet::new();
        for date in &dates {
            edges.extend(begin(*date));
            for begun in [date.yesterday().ok(), Some(*date)].into_iter().flatten() {
                let windows = self.hours.iter().filter_map(|hours| hours.window(begun, &self.zone));
                edges.extend(windows.flat_map(|(open, close)| [open, close]));
            }
        }
        let mut pieces = Vec::new();
        for date in dates {
            let end = date.tomorrow().ok().and_then(begin);
            let (Some(start), Some(end)) = (begin(date), end) else {
                continue;
            };
            let mut at = start.max(from);
            let cuts: Vec<Timestamp> = edges.range(at..end).copied().chain([end]).collect();
            for cut in cuts {
                if cut > at {
                    pieces.push((wall(at), wall(cut)));
                    at = cut;
                }
            }
        }
        pieces
    }

    fn named<'a>'''))
sub('src/config/problem.rs',
 ("    secrets: RefCell<BTreeSet<String>>,","    secrets: RefCell<BTreeSet<String>>,\n    off: RefCell<BTreeMap<String, Place>>,"),
 ("use std::{cell::RefCell, collections::BTreeSet, fmt};","use std::{\n    cell::RefCell,\n    collections::{BTreeMap, BTreeSet},\n    fmt,\n};"),
 ('''    /// A key was asked for.
''','''    /// Where the named thing at this path, `destination.sms`, was switched off, if it was.
    pub fn switched_off(&self, path: &str) -> Option<Place> {
        self.off.borrow().get(path).cloned()
    }

    /// A named thing was switched off with `enabled = false`.
    pub(super) fn switches_off(&self, path: String, place: &Place) {
        self.off.borrow_mut().insert(path, place.clone());
    }

    /// A key was asked for.
'''))
sub('src/config/names.rs',('''            bool::read(&enabled).unwrap_or_else(|message| {
                let path = format!("{}.{name}.enabled", kind.path.join("."));
                problems.error(Some(&enabled.place), &path, message);
                true
            })
''','''            let path = format!("{}.{name}", kind.path.join("."));
            let stays = bool::read(&enabled).unwrap_or_else(|message| {
                let path = format!("{path}.enabled");
                problems.error(Some(&enabled.place), &path, message);
                true
            });
            if !stays {
                problems.switches_off(path, &enabled.place);
            }
            stays
'''))
sub('src/config/policy.rs',
 ('''    pub would_notify: &'d dyn Fn(&str) -> Option<bool>,
}''','''    pub would_notify: &'d dyn Fn(&str) -> Option<bool>,
    /// Whether a destination is called to alerts of this severity.
    pub calls: &'d dyn Fn(&str, Severity) -> bool,
}'''),
 ('''        let policy = Policy {
            name: section.get("name", id.clone()),
            id,
            when: when::read(&section, known, |_| {}),
            steps: steps(&section, destinations),
            repeat,
        };
''','''        let when = when::read(&section, known, |_| {});
        let policy = Policy {
            name: section.get("name", id.clone()),
            id,
            steps: steps(&section, &when.severity, destinations),
            when,
            repeat,
        };
'''),
 ("fn steps(policy: &Section<'_>, destinations: &Destinations<'_>) -> Vec<Step> {",'''fn steps(
    policy: &Section<'_>,
    severities: &[Severity],
    destinations: &Destinations<'_>,
) -> Vec<Step> {'''),
 ('''        let to = to.unwrap_or_default();
        for name in &to {
            check(&section, name, destinations);
        }
''','''        let mut to = to.unwrap_or_default();
        let named = to.len();
        to.retain(|name| check(&section, name, severities, destinations));
        if named > 0 && to.is_empty() {
            section.warn("to", "has nobody left to call, so this step calls nobody");
        }
'''),
 ("use crate::alert::plant::{Policy, Step};","use crate::alert::plant::{Policy, Severity, Step};"),
)
s=open(R+'src/config/policy.rs').read()
a=s.index("fn check(section"); b=s.index("#[cfg(test)]")
s=s[:a]+'''/// Says what is wrong with a step's destination; false if it is left out, as it is switched off.
fn check(
    section: &Section<'_>,
    name: &str,
    severities: &[Severity],
    destinations: &Destinations<'_>,
) -> bool {
    match (destinations.would_notify)(name) {
        Some(true) => {
            let calls = |severity: &Severity| (destinations.calls)(name, *severity);
            if !severities.is_empty() && !severities.iter().any(calls) {
                section.warn(
                    "to",
                    format!("names \\"{name}\\", whose `min_severity` is above everything that this policy is for, so it is never called"),
                );
            }
        }
        Some(false) => section.error(
            "to",
            format!("\\"{name}\\" would not call anybody again about an alert that it knows, as its kind never does or its `events` leave out escalated; escalate to another destination"),
        ),
        None => {
            let problems = section.problems();
            if let Some(place) = problems.switched_off(&format!("destination.{name}")) {
                let message =
                    format!("names \\"{name}\\", which is switched off at {place}: it is not called");
                section.warn("to", message);
                return false;
            }
            let hint = nearest(name, destinations.names.iter().copied())
                .map(|near| format!("; did you mean \\"{near}\\"?"));
            let message = format!("there is no destination \\"{name}\\"{}", hint.unwrap_or_default());
            section.error("to", message);
        }
    }
    true
}

'''+s[b:]
s=s.replace('''            would_notify: &|name| Some(name == "sms"),
''','''            would_notify: &|name| Some(name == "sms"),
            calls: &|_, _| true,
''')
open(R+'src/config/policy.rs','w').write(s)
sub('src/config/settings.rs',
 ('''            would_notify: &would_notify,
''','''            would_notify: &would_notify,
            calls: &|name, severity| parts.routes.calls(&name.into(), severity),
'''),
 ('''        parts.routes.limit(destination);
    }
''','''        parts.routes.limit(destination);
    }
    parts.routes.check_limits(problems);
'''))
sub('src/destination/mod.rs',('''    /// Whether it hears that an alert is over.''','''    /// Whether somebody can acknowledge an alert where it arrives, so that the agent hears of it.
    pub fn takes_acknowledgements(&self) -> bool {
        self.kind.takes_acknowledgements()
    }

    /// Whether it hears that an alert is over.'''),
 ('''    /// Whether what is told there stays open''','''    /// See [`Destination::takes_acknowledgements`].
    fn takes_acknowledgements(&self) -> bool;
    /// Whether what is told there stays open'''))
sub('src/destination/webhook/mod.rs',('''    fn stays_open(&self)''','''    fn takes_acknowledgements(&self) -> bool {
        false
    }

    fn stays_open(&self)'''))
sub('src/cli/mod.rs',("mod reload;\n","mod reload;\nmod routes;\n"),
 ('''    /// Read the configuration and say every mistake in it
    Check(check::Args),
''','''    /// Read the configuration and say every mistake in it
    Check(check::Args),
    /// List the routes, or say who would hear of an alert
    Routes(routes::Args),
'''),
 ('''        Verb::Check(args) => on_one''','''        Verb::Routes(args) => routes::run(&args, env, terminal),
        Verb::Check(args) => on_one'''))
sub('src/cli/check/mod.rs',("mod live;\n","mod live;\nmod routing;\n"),
 ('''    problems: Vec<Found>,
''','''    problems: Vec<Found>,
    /// What is good to know and nothing to mend.
    remarks: Vec<String>,
'''),
 ('''        Ok(loaded) => (loaded.warnings.clone(), Some(loaded)),''','''        Ok(loaded) => {
            let mut warnings = loaded.warnings.clone();
            warnings.extend(routing::warnings(&loaded, terminal.now));
            (warnings, Some(loaded))
        }'''),
 ('''    let show = loaded.as_ref()''','''    let remarks = loaded.as_ref().map_or_else(Vec::new, routing::remarks);
    let show = loaded.as_ref()'''),
 ('''            problems: problems.iter().map(found).collect(),
''','''            problems: problems.iter().map(found).collect(),
            remarks,
'''),
 ('''    verdict(&problems, loaded''','''    for remark in remarks {
        terminal.foreign(&format!("remark: {remark}"))?;
    }
    verdict(&problems, loaded'''))
