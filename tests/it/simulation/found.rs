//! Histories that once broke a promise, as short as they were made: each is played again with the luck with which it failed.
//!
//! A failure of the random histories prints the line that belongs here. Give it the name of what was wrong, and put it in before
//! mending that: the histories that seeds give change whenever something new can happen in them, these do not.

use super::{
    Played,
    act::{
        Act::{self, *},
        Boot::*,
        Mode::*,
        Point::*,
    },
    outcome,
    scene::Scene,
};

/// What was wrong, the seed of the luck, and what happened.
const FOUND: &[(&str, u64, &[Act])] = &[
    (
        "after a crash, telling somebody else in place of a destination forgot who had heard of the alert",
        10_659_686_835_234_272_554,
        &[
            Plant(2),
            Crash(BeforeHandOver, OtherUnsynchronised, 141),
            Mode(1, RefuseForGood),
            Good(0, 92.97),
            Wait(49),
            Shelve(1, 1594),
        ],
    ),
    (
        "what a digest had told before a crash was left out as chatter after it, with its end",
        135_105,
        &[
            Mode(0, Busy),
            Good(5, 0.0),
            Good(2, 90.0),
            Mode(2, Hang),
            Wait(271),
            Good(4, 90.0),
            Mode(0, Fail),
            Wait(3815),
            Wait(3686),
            Crash(AfterSettle, OtherUnsynchronised, 0),
            Wait(190),
            Bad(5),
            Wait(2361),
            Crash(AfterWithdrawal, OtherUnsynchronised, 27),
            Good(4, 94.54),
            Wait(25),
        ],
    ),
    (
        "the same, of what was told in place of another destination",
        151_018,
        &[
            Mode(0, Unreachable),
            Mode(2, Fail),
            Wait(239),
            Wait(372),
            Wait(625),
            Good(5, 95.75),
            Wait(3907),
            Ack(2),
            Mode(0, Hang),
            Wait(156),
            Crash(BeforeSettle, OtherUnsynchronised, 26),
            Good(4, 100.0),
            Wait(9),
        ],
    ),
];

#[test]
fn what_once_broke_a_promise_does_not_again() {
    let scene = Scene::new();
    for (wrong, luck, history) in FOUND {
        let outcome = outcome(&scene, *luck, history, &mut Played::default());
        assert_eq!(outcome, Ok(()), "again: {wrong}");
    }
}
