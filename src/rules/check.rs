//! Whether the levels of a rule make sense together. It is asked twice: for the rule as it was written, and again with the
//! limits that a machine has of its own.

use crate::alert::plant::{Condition, Level};

/// What is wrong, and with which level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Index of the level.
    pub level: usize,
    /// What is wrong.
    pub message: String,
}

/// Limits are written in tenths, which a binary number only comes near to: 0.7 - 0.6 is a little less than 0.1.
const ROUNDING: f64 = 1e-9;

/// Everything that is wrong with these levels under this deadband.
pub fn levels(levels: &[Level], deadband: f64) -> Vec<Mistake> {
    let mut found = Vec::new();
    for (at, level) in levels.iter().enumerate() {
        found.extend(alone(level, deadband).map(|message| Mistake { level: at, message }));
        if levels[..at].iter().any(|other| other.name == level.name) {
            let message = format!("is the second level named \"{}\"", level.name);
            found.push(Mistake { level: at, message });
        }
    }
    for (at, pair) in levels.windows(2).enumerate() {
        let [mild, worse] = pair else { continue };
        let mistake = |message| Mistake {
            level: at + 1,
            message,
        };
        if worse.severity < mild.severity {
            found.push(mistake(format!(
                "is {} after \"{}\", which is {}; write the mildest level first",
                worse.severity.word(),
                mild.name,
                mild.severity.word()
            )));
        }
        match span(mild.condition, worse.condition) {
            Err(message) => found.push(mistake(format!("{message} (after \"{}\")", mild.name))),
            Ok(span) if deadband > span * (1.0 + ROUNDING) => found.push(mistake(format!(
                "lies {} beyond \"{1}\", which is less than the deadband {deadband}: it would still hold where \"{1}\" begins",
                (span / ROUNDING).round() * ROUNDING,
                mild.name
            ))),
            Ok(_) => {}
        }
    }
    found
}

fn alone(level: &Level, deadband: f64) -> Option<String> {
    match level.condition {
        Condition::Outside { low, high } | Condition::Inside { low, high } if low >= high => Some(
            format!("must be [low, high] with low < high, not [{low}, {high}]"),
        ),
        Condition::Outside { low, high } if 2.0 * deadband >= high - low => Some(format!(
            "leaves no room between {low} and {high} for the deadband {deadband}: it would never end"
        )),
        Condition::NotEquals(_) if deadband > 0.0 => {
            Some("not_equals has no deadband: leave `deadband` out".to_owned())
        }
        _ => None,
    }
}

/// By how much the worse level lies beyond the milder one at least; whenever the worse holds, the milder must hold too.
fn span(mild: Condition, worse: Condition) -> Result<f64, &'static str> {
    use Condition::{Above, Below, Inside, Outside};
    let (low, high) = match (mild, worse) {
        (Above(mild), Above(worse)) => (worse - mild, f64::INFINITY),
        (Below(mild), Below(worse)) => (mild - worse, f64::INFINITY),
        (Outside { low, high }, Outside { low: l, high: h }) => (low - l, h - high),
        (Inside { low, high }, Inside { low: l, high: h }) => (l - low, high - h),
        (Condition::Equals(_) | Condition::NotEquals(_), _)
        | (_, Condition::Equals(_) | Condition::NotEquals(_)) => {
            return Err("equals and not_equals take one level; write a rule of its own");
        }
        _ => {
            return Err("compares in another way; use `outside`, or write a rule of its own");
        }
    };
    // One side of a range may stay where it is, but then it has no span that a deadband could exceed.
    let nested = low >= 0.0 && high >= 0.0 && (low > 0.0 || high > 0.0);
    if !nested || (high.is_infinite() && low == 0.0) {
        return Err("is not worse than the level before; each limit must lie beyond the last");
    }
    let moved = [low, high].into_iter().filter(|span| *span > 0.0);
    Ok(moved.fold(f64::INFINITY, f64::min))
}
