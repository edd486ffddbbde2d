//! The time that a payload carries.

use super::pick::Found;
use crate::clock::Wall;

/// Numbers below are seconds, below the next milliseconds, then microseconds, nanoseconds: each is in the year 5138 where the next
/// begins, and the next was in 1973 there.
const UNITS: [(f64, f64); 4] = [(1e11, 1e3), (1e14, 1.0), (1e17, 1e-3), (1e20, 1e-6)];

/// A number since the epoch, or a text in RFC 3339. `Ok(None)` where there is nothing.
pub(super) fn read(found: &Found<'_>) -> Result<Option<Wall>, &'static str> {
    let wall = match found {
        Found::Nothing | Found::Null => return Ok(None),
        Found::Number(number) => of_number(*number),
        Found::Text(text) => {
            let stamp = text.parse::<jiff::Timestamp>().ok();
            stamp.map(|stamp| Wall::from_millis(stamp.as_millisecond()))
        }
        Found::Bool(_) | Found::Nested => None,
    };
    const WHY: &str =
        "its time is neither a number since 1970 nor RFC 3339, so it counts as of now";
    wall.map(Some).ok_or(WHY)
}

fn of_number(number: f64) -> Option<Wall> {
    let (_, millis) = UNITS.iter().find(|(below, _)| number.abs() < *below)?;
    Some(Wall::from_millis((number * millis).round() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_of_a_unit_that_fits_or_rfc_3339() {
        let wall = Ok(Some(Wall::from_millis(1_775_298_605_120)));
        let text = |text: &'static str| Found::Text(text.into());
        for found in [
            Found::Number(1_775_298_605.12),
            Found::Number(1_775_298_605_120.0),
            Found::Number(1_775_298_605_120_400.0),
            Found::Number(1_775_298_605_120_000_000.0),
            text("2026-04-04T10:30:05.120Z"),
            text("2026-04-04T12:30:05.120+02:00"),
        ] {
            assert_eq!(read(&found), wall, "{found:?}");
        }
        for nothing in [Found::Nothing, Found::Null] {
            assert_eq!(read(&nothing), Ok(None));
        }
        for strange in [
            text("yesterday"),
            text("1775298605"),
            text("2026-04-04T10:30:05"),
            Found::Number(1e300),
            Found::Bool(true),
            Found::Nested,
        ] {
            assert!(read(&strange).is_err(), "{strange:?}");
        }
    }
}
