//! A CNC mill as far as its registers go: heat from the cut, carried away by coolant.
//!
//! Deterministic and without a clock: the same settings over the same time give the same values. It knows nothing of Modbus
//! and nothing of alerts.

use std::time::Duration;

/// The mill's model advances in steps of this length, however often it is asked.
const STEP: Duration = Duration::from_millis(20);
/// °C in the hall.
const AMBIENT: f64 = 22.0;
/// °C at which the model stops getting hotter: the mill's own protection would act.
const HOTTEST: f64 = 125.0;
/// Seconds in which most of a change of temperature happens. A real spindle takes minutes.
const HEAT_SECONDS: f64 = 2.5;
/// Seconds in which most of a change of flow or load happens.
const LAG_SECONDS: f64 = 0.4;

/// What the control says it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Cutting.
    Running = 2,
    /// Stopped with a fault.
    Fault = 4,
}

/// The mill.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mill {
    /// °C.
    pub(super) spindle_temp: f64,
    /// Percent of what the drive may do for ever.
    pub(super) spindle_load: f64,
    /// Litres per minute.
    pub(super) coolant_flow: f64,
    /// What the pump is able to give.
    pub(super) pump: f64,
    /// The door stands open.
    pub(super) door_open: bool,
    /// What the control says.
    pub(super) state: State,
    /// Time that is not a whole step yet.
    rest: Duration,
    steps: u64,
}

impl Mill {
    /// Litres per minute while all is well.
    pub(super) const FLOW: f64 = 12.0;
    /// Percent while it cuts.
    const LOAD: f64 = 55.0;

    /// A warm mill in the middle of a job.
    pub(super) fn new() -> Self {
        Self {
            spindle_temp: settles_at(Self::LOAD, Self::FLOW),
            spindle_load: Self::LOAD,
            coolant_flow: Self::FLOW,
            pump: Self::FLOW,
            door_open: false,
            state: State::Running,
            rest: Duration::ZERO,
            steps: 0,
        }
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, time: Duration) {
        self.rest += time;
        while self.rest >= STEP {
            self.rest -= STEP;
            self.step();
        }
    }

    fn step(&mut self) {
        self.steps += 1;
        let load = match self.state {
            // A tool meets one tooth of the work after the other.
            State::Running => Self::LOAD + 4.0 * (self.steps as f64 * 0.11).sin(),
            State::Fault => 0.0,
        };
        let towards = |value: &mut f64, goal: f64, seconds: f64| {
            *value += (goal - *value) * STEP.as_secs_f64() / seconds;
        };
        towards(&mut self.spindle_load, load, LAG_SECONDS);
        towards(&mut self.coolant_flow, self.pump, LAG_SECONDS);
        let heat = settles_at(self.spindle_load, self.coolant_flow);
        towards(&mut self.spindle_temp, heat, HEAT_SECONDS);
    }
}

/// The temperature that a load and a flow lead to.
fn settles_at(load: f64, flow: f64) -> f64 {
    (AMBIENT + load * (0.35 + 4.2 / flow.max(0.5))).min(HOTTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_mill_that_is_well_stays_below_every_limit() {
        let mut mill = Mill::new();
        for _ in 0..600 {
            mill.advance(SECOND / 10);
            assert!((50.0..75.0).contains(&mill.spindle_temp), "{mill:?}");
            assert!(mill.coolant_flow > 11.0 && mill.spindle_load < 70.0);
        }
    }

    #[test]
    fn without_coolant_it_overheats_and_with_it_it_cools_down_again() {
        let mut mill = Mill::new();
        mill.pump = 3.0;
        mill.advance(SECOND);
        assert!(
            mill.coolant_flow < 6.0 && mill.spindle_temp < 85.0,
            "{mill:?}"
        );
        mill.advance(3 * SECOND);
        assert!(mill.spindle_temp > 95.0, "{mill:?}");
        mill.pump = Mill::FLOW;
        mill.advance(5 * SECOND);
        assert!(mill.spindle_temp < 83.0, "{mill:?}");
    }

    #[test]
    fn the_same_time_gives_the_same_values_however_it_is_cut() {
        let (mut whole, mut pieces) = (Mill::new(), Mill::new());
        whole.pump = 2.0;
        pieces.pump = 2.0;
        whole.advance(SECOND);
        for _ in 0..125 {
            pieces.advance(SECOND / 125);
        }
        assert_eq!(whole, pieces);
    }

    #[test]
    fn a_fault_stops_the_spindle() {
        let mut mill = Mill::new();
        mill.state = State::Fault;
        mill.advance(3 * SECOND);
        assert!(mill.spindle_load < 1.0 && mill.spindle_temp < 60.0);
    }
}
