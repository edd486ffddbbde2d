//! How a delivery stands: the words for people, and the numbers of the database.

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    /// Still owed.
    Pending,
    /// The destination has it.
    Accepted,
    /// Its attempts are used up.
    Failed,
    /// The destination will not have it.
    Refused,
    /// It grew too old.
    Expired,
    /// Withdrawn, or a later one says more.
    Superseded,
    /// The destination has just been told the same.
    Deduplicated,
    /// A person or a limit gave it up.
    Dropped,
}

impl DeliveryState {
    /// All states; the place of each is its number in the database.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Accepted,
        Self::Failed,
        Self::Refused,
        Self::Expired,
        Self::Superseded,
        Self::Deduplicated,
        Self::Dropped,
    ];

    /// The word of the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Deduplicated => "deduplicated",
            Self::Dropped => "dropped",
        }
    }

    /// The number of the database.
    pub fn rank(self) -> u8 {
        self as u8
    }

    /// The state with this number.
    pub fn from_rank(rank: i64) -> Option<Self> {
        let at = usize::try_from(rank).ok()?;
        Self::ALL.get(at).copied()
    }

    /// The state with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}
