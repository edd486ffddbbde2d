//! What can happen: to machines, people, receivers, the gateway and the agent.

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Good(u8, f64),
    Bad(u8),
    Ack(u8),
    Close(u8),
    Shelve(u8, u64),
    Unshelve(u8),
    Signal(bool),
    Plant(u8),
    Mode(u8, Mode),
    /// A person drops the n-th of the rows that are owed.
    Drop(u8),
    /// Time passes.
    Wait(u64),
    /// The gateway sleeps: time passes, and nothing runs.
    Sleep(u64),
    /// The agent dies when it next comes to this point, and is started again.
    Crash(Point, Boot, u64),
}

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mode {
    Accept,
    Unreachable,
    /// Says that it failed, and has it or not.
    Fail,
    Refuse,
    /// Blames the payload.
    RefuseForGood,
    /// No answer before the timeout; has it or not.
    Hang,
    /// Asks to be left alone, for a time that it says or does not say.
    Busy,
    /// Another one at each attempt.
    Fickle,
}

impl Mode {
    /// All but the one that changes its mind.
    pub(super) const STEADY: [Self; 7] = [
        Self::Accept,
        Self::Unreachable,
        Self::Fail,
        Self::Refuse,
        Self::RefuseForGood,
        Self::Hang,
        Self::Busy,
    ];
}

/// Where the agent dies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Point {
    Now,
    /// Something was withdrawn for a commit that is not made.
    AfterWithdrawal,
    BeforeCommit,
    /// The commit is made and nobody knows.
    BeforeHandOver,
    /// An attempt came back and is not recorded.
    BeforeSettle,
    AfterSettle,
    /// Others are told in place of somebody, and nobody knows.
    AfterFallBack,
}

impl Point {
    pub(super) const ALL: [Self; 7] = [
        Self::Now,
        Self::AfterWithdrawal,
        Self::BeforeCommit,
        Self::BeforeHandOver,
        Self::BeforeSettle,
        Self::AfterSettle,
        Self::AfterFallBack,
    ];
}

/// What the next start knows of the time between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Boot {
    Same,
    OtherSynchronised,
    OtherUnsynchronised,
}

impl Boot {
    pub(super) const ALL: [Self; 3] = [
        Self::Same,
        Self::OtherSynchronised,
        Self::OtherUnsynchronised,
    ];
}
