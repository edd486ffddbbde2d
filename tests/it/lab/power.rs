//! Power cuts: what was not synced is gone, and nothing that was acknowledged is among it.

use std::time::Duration;

use fastrand::Rng;

use super::{
    bench::{Bench, Plan, moods},
    kills::{Moment, arm, disarm},
    needs::Need,
    trace::{self, Point},
};
use crate::support::{Answer, wait};

/// Bytes are cheap here; a database of this size never fills it.
const MEBIBYTES: u64 = 48;

/// When the power goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    /// While the agent works.
    Working(u64),
    /// Together with the end of the agent at this moment.
    At(Moment),
}

impl Cut {
    pub(super) fn pick(round: usize, random: &mut Rng, traced: bool) -> Self {
        match round % 4 {
            1 => Self::At(Moment::Acknowledged(random.u64(..6))),
            2 => Self::At(Moment::Answered(random.usize(..6))),
            3 if traced => Self::At(Moment::Call(Point::fsync(random.u32(1..14)))),
            _ => Self::Working(random.u64(60..700)),
        }
    }
}

/// A bench whose data lie on an image of their own.
pub(super) fn on_an_image(seed: u64) -> Bench {
    let plan = Plan {
        seed,
        // The default would fill a tenth of the image, and it is synced at each start.
        more: "\n[store]\nballast = \"256KiB\"\n".to_owned(),
        ..Plan::default()
    };
    let mut bench = Bench::new(plan);
    bench.use_image(MEBIBYTES);
    moods(&bench.destinations[1].receiver, seed);
    bench
}

/// Starts the agent, lets machines cross their limits, cuts the power, and brings it back.
pub(super) fn round(bench: &mut Bench, cut: Cut) {
    if let Cut::At(moment) = cut {
        arm(bench, moment);
    }
    bench.spawn();
    let crossings = bench.random.usize(1..8);
    bench.cross(crossings);
    match cut {
        Cut::Working(milliseconds) => wait::pause(Duration::from_millis(milliseconds)),
        Cut::At(moment) => {
            bench.ends_within(Moment::PATIENCE);
            disarm(bench, moment);
        }
    }
    let image = bench.image();
    image.cut();
    bench.kill("a power cut");
    bench.image().restore();
}

/// Without a sync of its log the store promises what it does not keep, and the account must show it: if it does not, it is
/// blind, and a clean account of the other runs would mean nothing.
///
/// It stands for `synchronous = NORMAL`, which leaves out exactly these syncs; the program itself is left as it is.
#[test]
fn a_disk_that_does_not_sync_is_found_out() {
    let name = "the negative control of power cuts";
    if !(Need::Loop.is_met(name) && Need::Strace.is_met(name)) {
        return;
    }
    let begin = wait::now();
    let mut bench = on_an_image(super::bench::seed());
    bench.heal();
    let log = bench.agent.data().join("andon.db-wal");
    // One honest run, so that there is a database.
    bench.run();
    bench.cross_all();
    bench.drain(Duration::from_secs(60));
    bench.kill("kill -9");
    for one in &bench.destinations {
        // What is heard before the cut would not be missed after it.
        one.receiver.answer(Answer::Status(500));
    }
    for _ in 0..3 {
        bench.agent.wrap(trace::lying_sync(&log));
        bench.spawn();
        bench.cross(6);
        wait::within(Duration::from_secs(30), "all is acknowledged", || {
            (bench.broker.unacknowledged() == 0).then_some(())
        });
        bench.image().cut();
        bench.kill("a power cut");
        bench.image().restore();
    }
    bench.agent.wrap(Vec::new());
    bench.run();
    bench.heal();
    bench.drain(Duration::from_secs(60));
    let account = bench.account();
    super::campaign::table("control: syncs left out", &account, begin.elapsed());
    assert!(
        account.lost > 0,
        "the account does not see a disk that does not sync: {account:#?}"
    );
}
