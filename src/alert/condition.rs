//! Comparing a value with limits: when a condition holds, when it is gone, and how far beyond its limit a value is.
//!
//! Holding and being gone are not opposites: between them lies the deadband, in which an active level stays active and an
//! inactive one stays inactive. Delays are not here.

use super::plant::Condition;

impl Condition {
    /// Whether the value is abnormal. The deadband has no part in this.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::Above(limit) => value > limit,
            Self::Below(limit) => value < limit,
            Self::Outside { low, high } => value < low || value > high,
            Self::Inside { low, high } => low <= value && value <= high,
            Self::Equals(wanted) => value == wanted,
            Self::NotEquals(wanted) => value != wanted,
        }
    }

    /// Whether the value is normal by a margin of `deadband`, so that an active level may fall.
    pub fn is_gone(self, value: f64, deadband: f64) -> bool {
        match self {
            Self::Above(limit) => value <= limit - deadband,
            Self::Below(limit) => value >= limit + deadband,
            Self::Outside { low, high } => low + deadband <= value && value <= high - deadband,
            Self::Inside { low, high } => {
                (value < low || value > high)
                    && (value <= low - deadband || value >= high + deadband)
            }
            Self::Equals(wanted) => value != wanted && (value - wanted).abs() >= deadband,
            Self::NotEquals(wanted) => value == wanted,
        }
    }

    /// The limit that a value is compared with, for people: the nearer one where there are two.
    pub fn limit(self, value: f64) -> f64 {
        match self {
            Self::Above(limit)
            | Self::Below(limit)
            | Self::Equals(limit)
            | Self::NotEquals(limit) => limit,
            Self::Outside { low, high } | Self::Inside { low, high } => {
                if (value - low).abs() < (value - high).abs() {
                    low
                } else {
                    high
                }
            }
        }
    }

    /// How far beyond its limit a value is; negative on the normal side. Only compared with itself, to find the worst value.
    pub fn beyond(self, value: f64) -> f64 {
        match self {
            Self::Above(limit) => value - limit,
            Self::Below(limit) => limit - value,
            Self::Outside { low, high } => (low - value).max(value - high),
            Self::Inside { low, high } => (value - low).min(high - value),
            Self::Equals(wanted) => -(value - wanted).abs(),
            Self::NotEquals(wanted) => (value - wanted).abs(),
        }
    }

    /// Whether this value, being beyond the limit, is so at the low side.
    pub fn is_low(self, value: f64) -> bool {
        match self {
            Self::Below(_) => true,
            Self::Outside { low, .. } => value < low,
            Self::NotEquals(wanted) => value < wanted,
            Self::Above(_) | Self::Inside { .. } | Self::Equals(_) => false,
        }
    }

    /// Whether one value can be worse than another. Of a state that is wrong there is no highest.
    pub(super) fn has_worst(self) -> bool {
        matches!(self, Self::Above(_) | Self::Below(_) | Self::Outside { .. })
    }

    /// The values in which it does not hold, if they are one interval. This is the engine's fast path: a watch at rest
    /// need not be looked at while its value stays there.
    pub(super) fn rest(self) -> Option<(f64, f64)> {
        match self {
            Self::Above(limit) => Some((f64::NEG_INFINITY, limit)),
            Self::Below(limit) => Some((limit, f64::INFINITY)),
            Self::Outside { low, high } => Some((low, high)),
            Self::NotEquals(wanted) => Some((wanted, wanted)),
            Self::Inside { .. } | Self::Equals(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row: condition, deadband, value, holds, gone.
    #[test]
    fn a_condition_holds_beyond_its_limit_and_is_gone_a_deadband_within() {
        use Condition::*;
        let band = Outside {
            low: 10.0,
            high: 20.0,
        };
        let inside = Inside {
            low: 10.0,
            high: 20.0,
        };
        let rows: &[(Condition, f64, f64, bool, bool)] = &[
            (Above(85.0), 2.0, 85.0, false, false),
            (Above(85.0), 2.0, 85.1, true, false),
            (Above(85.0), 2.0, 83.0, false, true),
            (Above(85.0), 0.0, 85.0, false, true),
            (Below(5.0), 1.0, 5.0, false, false),
            (Below(5.0), 1.0, 4.9, true, false),
            (Below(5.0), 1.0, 6.0, false, true),
            (band, 1.0, 9.9, true, false),
            (band, 1.0, 10.5, false, false),
            (band, 1.0, 11.0, false, true),
            (band, 1.0, 19.5, false, false),
            (band, 1.0, 20.1, true, false),
            (inside, 1.0, 10.0, true, false),
            (inside, 1.0, 9.5, false, false),
            (inside, 1.0, 9.0, false, true),
            (inside, 0.0, 9.9, false, true),
            (inside, 0.0, 10.0, true, false),
            (Equals(1.0), 0.0, 1.0, true, false),
            (Equals(1.0), 0.0, 0.0, false, true),
            (Equals(5.0), 2.0, 6.0, false, false),
            (NotEquals(1.0), 0.0, 0.0, true, false),
            (NotEquals(1.0), 0.0, 1.0, false, true),
        ];
        for &(condition, deadband, value, holds, gone) in rows {
            assert_eq!(condition.holds(value), holds, "{condition:?} at {value}");
            assert_eq!(
                condition.is_gone(value, deadband),
                gone,
                "{condition:?} at {value}"
            );
            if let Some((low, high)) = condition.rest() {
                assert_eq!(
                    !(low <= value && value <= high),
                    holds,
                    "rest of {condition:?} at {value}"
                );
            }
        }
    }

    #[test]
    fn the_worst_value_is_the_one_furthest_beyond() {
        assert!(Condition::Above(85.0).beyond(97.0) > Condition::Above(85.0).beyond(90.0));
        assert!(Condition::Below(5.0).beyond(1.0) > Condition::Below(5.0).beyond(2.0));
        let band = Condition::Outside {
            low: 10.0,
            high: 20.0,
        };
        assert!(band.beyond(4.0) > band.beyond(25.0));
        assert_eq!((band.limit(4.0), band.limit(25.0)), (10.0, 20.0));
        assert!(band.is_low(4.0) && !band.is_low(25.0));
    }
}
