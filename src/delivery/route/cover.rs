//! Whether earlier routes leave anything to a later one: what `check` calls unreachable.
//!
//! It errs on one side only: what it calls unreachable is; a route that several others take from it by machines, classes or
//! labels together may go unnoticed.

use super::{CALLS, Route};
use crate::alert::{
    event::EventKind,
    plant::{Category, Severity, When},
};

/// Whether these routes take everything that `later` would. With `going_on` it is enough that somebody takes it; without it
/// somebody must decide.
pub(super) fn nothing_left(earlier: &[Route], later: &Route, going_on: bool) -> bool {
    let kinds = later.kinds();
    let rules: Vec<Category> = later
        .when
        .rule
        .iter()
        .map(|rule| Category::of(rule))
        .collect();
    let possible = |category: &Category| {
        (later.when.category.is_empty() || later.when.category.contains(category))
            && (rules.is_empty() || rules.contains(category))
    };
    let severities: Vec<Severity> = match later.when.severity.is_empty() {
        true => Severity::ALL.to_vec(),
        false => later.when.severity.clone(),
    };
    let categories = Category::ALL.into_iter().filter(possible);
    let pieces: Vec<(Severity, Category, EventKind)> = categories
        .flat_map(|category| {
            let kinds = kinds.iter();
            let pair = move |kind: &EventKind| (category, *kind);
            kinds.map(pair)
        })
        .flat_map(|(category, kind)| {
            let severities = severities.iter();
            severities.map(move |severity| (*severity, category, kind))
        })
        .collect();
    // What takes nothing at all has a mistake of its own.
    !pieces.is_empty()
        && pieces.iter().all(|piece| {
            let mut routes = earlier.iter().filter(|route| going_on || !route.goes_on);
            routes.any(|route| covers(route, later, *piece))
        })
}

/// A route that takes everything that is left, as the default does.
pub(super) fn everything() -> Route {
    Route {
        event: CALLS.to_vec(),
        ..Route::default()
    }
}

/// Whether `wide` takes this piece of what `narrow` would.
fn covers(
    wide: &Route,
    narrow: &Route,
    (severity, category, kind): (Severity, Category, EventKind),
) -> bool {
    fn all_of<T: PartialEq>(wide: &[T], narrow: &[T]) -> bool {
        wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|item| wide.contains(item)))
    }
    fn has<T: PartialEq>(wide: &[T], one: &T) -> bool {
        wide.is_empty() || wide.contains(one)
    }
    let (open, shut): (&When, &When) = (&wide.when, &narrow.when);
    has(&open.severity, &severity)
        && has(&open.category, &category)
        && wide.kinds().contains(&kind)
        && all_of(&wide.hours, &narrow.hours)
        && all_of(&open.machine, &shut.machine)
        && all_of(&open.class, &shut.class)
        && all_of(&open.rule, &shut.rule)
        && open.label.iter().all(|(name, values)| {
            let narrow = shut.label.get(name).map_or(&[][..], Vec::as_slice);
            all_of(values, narrow)
        })
}
