//! A look at a device that nobody has described yet: what lies at its addresses, and how much it answers at once. It only reads.
//!
//! What the registers could mean is guessed in [`guess`], and what is expected found in [`rank`]; nothing here runs while the agent does.

pub mod guess;
pub mod rank;

use std::{collections::BTreeMap, time::Duration};

use thiserror::Error;

use super::{
    address::Address,
    decode::Answer,
    link::{Link, LinkError, LinkSettings},
    plan::{Kind, Span},
};
use crate::sample::Bad;

/// A device that is busy is asked again so often, after a pause.
const BUSY: (u32, Duration) = (3, Duration::from_millis(300));
/// So many requests without an answer are enough, on a unit that answers others.
const SILENCES: u32 = 3;
/// Exceptions that an address of the block may be to blame for.
const OF_ADDRESSES: [u8; 3] = [2, 3, 4];
const DEVICE_BUSY: u8 = 6;

/// Why a device could not be looked at. The words say what to do.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// There is no connection.
    #[error(
        "{why}. Check power, cable, address and port; many devices serve one client at a time, so stop what else reads them"
    )]
    Connect {
        /// The link's words.
        why: String,
    },
    /// The unit says nothing.
    #[error(
        "{why}. Something is there, but this unit says nothing: check the unit id (--unit); a device without a bus behind it often wants 1, 0 or 255, one behind a gateway its own"
    )]
    Silent {
        /// The link's words.
        why: String,
    },
    /// The unit says no to every address.
    #[error("{span} is refused: {why}. {}", advice(*.why, *.span))]
    Refused {
        /// All that was asked.
        span: Span,
        /// What it answered.
        why: Bad,
    },
    /// What came is no answer.
    #[error("{why}. That is no Modbus, or another device than expected")]
    Odd {
        /// The link's words.
        why: String,
    },
}

fn advice(why: Bad, span: Span) -> &'static str {
    let code = match why {
        Bad::Exception(code) => code,
        _ => 0,
    };
    match (code, span.kind) {
        (1, Kind::Holding) => "It may have input registers only: try input: in place of holding:",
        (1, Kind::Input) => "It may have holding registers only: try holding: in place of input:",
        (1, _) => "It has no such bits: try coil:, discrete:, or a bit of a register",
        (2 | 3, _) => {
            "Nothing is there: addresses count from 0 here, so 40101 of a manual is holding:100 and 30101 is input:100; try holding: for input: and the other way round"
        }
        (4, _) => {
            "It failed on its own side, or has no such unit or address; check them, and its display"
        }
        (DEVICE_BUSY, _) => "It is busy with something else; try again later",
        (10 | 11, _) => {
            "A gateway answered in its place: the device behind it is off, or the unit id (--unit) is wrong"
        }
        _ => "See the manual of the device",
    }
}

/// A device, one unit of it.
pub struct Probe {
    link: Link,
    unit: u8,
    /// The longest block that was answered so far.
    longest: Option<Span>,
    silences: u32,
}

/// What was found in a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// What lies at each address that answered; bits are 0 and 1.
    pub words: BTreeMap<u16, u16>,
    /// Addresses that were refused, or not answered, in runs.
    pub refused: Vec<(Span, Bad)>,
}

/// How much one request may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Largest {
    /// The longest block that was answered.
    pub span: Span,
    /// Why no longer one was.
    pub end: End,
}

/// Why there is no longer block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The protocol allows no more.
    Protocol,
    /// The address after it exists, but not in the same request: this is the device's own limit.
    Device,
    /// The address after it does not answer, so the device's limit may be higher.
    Addresses,
}

/// Told after each request: how many addresses are done, and of how many.
pub type Progress<'p> = &'p mut dyn FnMut(u32, u32);

impl Probe {
    /// A probe that is not connected yet.
    ///
    /// # Errors
    /// When the address is none; the text says what would be right.
    pub fn new(address: &str, unit: u8, timeout: Duration) -> Result<Self, String> {
        Ok(Self {
            link: Link::new(LinkSettings::new(Address::parse(address)?, timeout)),
            unit,
            longest: None,
            silences: 0,
        })
    }

    /// Reads every address of a span that answers: in blocks as long as the device takes, smaller where it refuses.
    ///
    /// # Errors
    /// When none of them answers.
    pub async fn read(&mut self, span: Span, told: Progress<'_>) -> Result<Found, ProbeError> {
        let mut found = Found::default();
        let mut todo = vec![span];
        let mut refused = None;
        self.silences = 0;
        while let Some(block) = todo.pop() {
            told(u32::from(block.start - span.start), span.count.into());
            if let Some((first, rest)) = cut(block, span.kind.limit()) {
                todo.extend([rest, first]);
                continue;
            }
            match self.ask(block).await? {
                Ok(words) => found.words.extend((block.start..=u16::MAX).zip(words)),
                Err(refusal) => match cut(block, block.count.div_ceil(2)) {
                    Some((first, rest)) => todo.extend([rest, first]),
                    None => {
                        refused = refused.or(Some(refusal));
                        found.refuse(block, refusal);
                    }
                },
            }
        }
        match refused {
            Some(why) if found.words.is_empty() => Err(ProbeError::Refused { span, why }),
            _ => Ok(found),
        }
    }

    /// The longest block that is answered from `start` on. Only addresses of a kind that was read before.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn largest(
        &mut self,
        start: Span,
        told: Progress<'_>,
    ) -> Result<Largest, ProbeError> {
        let most = u32::from(start.kind.limit()).min(65_536 - u32::from(start.start));
        let most = u16::try_from(most).unwrap_or(start.kind.limit());
        let of = |count| Span { count, ..start };
        let (mut answered, mut refused) = (start.count.min(most), most + 1);
        let mut next = most;
        while answered + 1 < refused {
            told(answered.into(), most.into());
            match self.answers(of(next)).await? {
                true => answered = next,
                false => refused = next,
            }
            next = answered + (refused - answered) / 2;
        }
        let span = of(answered);
        let end = if answered == most {
            End::Protocol
        } else {
            let after = Span {
                start: start.start + answered,
                count: 1,
                ..start
            };
            match self.answers(after).await? {
                true => End::Device,
                false => End::Addresses,
            }
        };
        Ok(Largest { span, end })
    }

    /// The longest block that was answered so far.
    pub fn longest(&self) -> Option<Span> {
        self.longest
    }

    /// Whether a block is answered by a unit that has answered before: its silence is a refusal too.
    async fn answers(&mut self, block: Span) -> Result<bool, ProbeError> {
        match self.ask(block).await {
            Ok(answer) => Ok(answer.is_ok()),
            Err(ProbeError::Silent { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What lies in a block, or why it is refused. Some devices say nothing to a block that they do not like: a silence counts as a
    /// refusal, but not many of them.
    async fn ask(&mut self, block: Span) -> Result<Result<Vec<u16>, Bad>, ProbeError> {
        let mut tries = 0;
        loop {
            let error = match self.link.read(self.unit, block).await {
                Ok(answer) => {
                    if self
                        .longest
                        .is_none_or(|longest| block.count > longest.count)
                    {
                        self.longest = Some(block);
                    }
                    return Ok(Ok(match answer {
                        Answer::Registers(words) => words,
                        Answer::Bits(bits) => bits.into_iter().map(u16::from).collect(),
                    }));
                }
                Err(error) => error,
            };
            let why = chain(&error);
            return match error {
                LinkError::Exception {
                    code: DEVICE_BUSY, ..
                } if tries < BUSY.0 => {
                    tries += 1;
                    tokio::time::sleep(BUSY.1).await;
                    continue;
                }
                LinkError::Exception { code, .. } if OF_ADDRESSES.contains(&code) => {
                    Ok(Err(Bad::Exception(code)))
                }
                LinkError::Exception { code, .. } => Err(ProbeError::Refused {
                    span: block,
                    why: Bad::Exception(code),
                }),
                error if error.is_outage() => Err(ProbeError::Connect { why }),
                LinkError::NoAnswer { .. } | LinkError::Broken { .. }
                    if (block.count > 1 || self.longest.is_some()) && self.silences < SILENCES =>
                {
                    self.silences += 1;
                    Ok(Err(Bad::NoAnswer))
                }
                LinkError::NoAnswer { .. } | LinkError::Broken { .. } => {
                    Err(ProbeError::Silent { why })
                }
                _ => Err(ProbeError::Odd { why }),
            };
        }
    }
}

impl Found {
    fn refuse(&mut self, block: Span, why: Bad) {
        match self.refused.last_mut() {
            Some((run, same)) if run.end() == u32::from(block.start) && *same == why => {
                run.count += block.count;
            }
            _ => self.refused.push((block, why)),
        }
    }
}

/// The first `count` addresses and the rest, if there is one.
fn cut(span: Span, count: u16) -> Option<(Span, Span)> {
    let more = span.count.checked_sub(count).filter(|more| *more > 0)?;
    let rest = Span {
        start: span.start + count,
        count: more,
        ..span
    };
    Some((Span { count, ..span }, rest))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
