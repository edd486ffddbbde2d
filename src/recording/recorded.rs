//! The plant of a recorded run as it changes: what the tags in its lines are called.
//!
//! The core alone knows where the tags of a machine come that was discovered, so it is moved here by the few inputs that change a plant;
//! samples and all else pass it by.

use super::{
    line::{At, Begin, Input},
    replay,
};
use crate::{
    alert::{command::Action, engine::Engine, plant::Plant},
    clock::Now,
};

/// The core of the recorded run, as far as its plant goes.
#[derive(Debug)]
pub(super) struct Recorded(Engine);

impl Recorded {
    pub(super) fn begin(begin: Begin) -> Self {
        Self(replay::engine(begin).0)
    }

    /// Hears an input; says whether the plant may be another one now.
    pub(super) fn hear(&mut self, at: At, input: &Input) -> bool {
        let changes = match input {
            Input::Machine(_) | Input::Plant(_) => true,
            Input::Command(command) => matches!(command.action, Action::Forget { .. }),
            Input::Samples(_) | Input::Signal(_) | Input::Watches { .. } | Input::Tick => false,
        };
        if changes {
            for input in input.clone().read() {
                self.0.step(Now::from(at), input);
            }
        }
        changes
    }

    pub(super) fn plant(&self) -> &Plant {
        self.0.plant()
    }
}
