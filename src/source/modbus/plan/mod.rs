//! Which requests a unit is asked: the spans of its tags, merged into few blocks.
//!
//! Pure. It knows the limits of the protocol and nothing of connections; what a block's answer means is in
//! [`super::decode`], and what happens when a device refuses a block is in the poller.

use std::fmt;

/// The four address spaces of a unit; addresses are 0-based in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Read and written by the device's user, function 3.
    Holding,
    /// Read only, function 4.
    Input,
    /// Bits that can be written, function 1.
    Coil,
    /// Bits that are read only, function 2.
    Discrete,
}

impl Kind {
    /// All of them by the word that the configuration uses.
    pub const WORDS: [(&'static str, Kind); 4] = [
        ("holding", Kind::Holding),
        ("input", Kind::Input),
        ("coil", Kind::Coil),
        ("discrete", Kind::Discrete),
    ];

    /// The word that the configuration uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Holding => "holding",
            Self::Input => "input",
            Self::Coil => "coil",
            Self::Discrete => "discrete",
        }
    }

    /// Whether an address holds one bit rather than a register of 16.
    pub fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::Discrete)
    }

    /// The most addresses that one request may ask for (MODBUS Application Protocol V1.1b3, sections 6.1 to 6.4).
    pub fn limit(self) -> u16 {
        if self.is_bits() { 2000 } else { 125 }
    }
}

/// Consecutive addresses of one kind. `start + count` is at most 65536 and `count` at least 1; the configuration sees to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which address space.
    pub kind: Kind,
    /// The first address.
    pub start: u16,
    /// How many addresses.
    pub count: u16,
}

/// `holding:100..103` as it would be typed, `holding:100` if it is one address.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.word(), self.start)?;
        match self.count {
            1 => Ok(()),
            _ => write!(f, "..{}", self.end() - 1),
        }
    }
}

impl Span {
    /// One past the last address.
    pub fn end(self) -> u32 {
        u32::from(self.start) + u32::from(self.count)
    }
}

/// What a unit lets itself be asked in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many registers that nobody wants (or 16 times as many bits) may be read to save a request, 0 to 120.
    pub max_gap: u16,
    /// The most registers of one request, 1 to 125.
    pub max_registers: u16,
    /// The most coils or discrete inputs of one request, 1 to 2000.
    pub max_bits: u16,
    /// Reads of different addresses are never merged.
    pub one_per_tag: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_gap: 16,
            max_registers: Kind::Holding.limit(),
            max_bits: Kind::Coil.limit(),
            one_per_tag: false,
        }
    }
}

impl Limits {
    /// The most addresses of one request.
    pub fn of(&self, kind: Kind) -> u16 {
        let own = if kind.is_bits() {
            self.max_bits
        } else {
            self.max_registers
        };
        own.min(kind.limit())
    }

    /// What satisfies both: a unit that is written twice is still one device.
    pub fn and(self, other: Self) -> Self {
        Self {
            max_gap: self.max_gap.min(other.max_gap),
            max_registers: self.max_registers.min(other.max_registers),
            max_bits: self.max_bits.min(other.max_bits),
            one_per_tag: self.one_per_tag || other.one_per_tag,
        }
    }

    /// Whether a block may be stretched to also serve `next`, which does not begin before it.
    fn stretches(&self, block: Span, next: Span) -> bool {
        if self.one_per_tag {
            return block == next;
        }
        let gap = u32::from(next.start).saturating_sub(block.end());
        let across = u32::from(self.max_gap) * if next.kind.is_bits() { 16 } else { 1 };
        let length = block.end().max(next.end()) - u32::from(block.start);
        block.kind == next.kind && gap <= across && length <= u32::from(self.of(next.kind))
    }
}

/// One request and the reads that its answer serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What is asked.
    pub span: Span,
    /// Indices into the spans that were planned, by address. Never empty.
    pub reads: Vec<usize>,
}

impl Block {
    /// How many of its addresses no read wants.
    pub fn unused(&self, spans: &[Span]) -> u32 {
        let mut end = u32::from(self.span.start);
        let mut unused = 0;
        for &read in &self.reads {
            unused += u32::from(spans[read].start).saturating_sub(end);
            end = end.max(spans[read].end());
        }
        unused
    }

    /// Splits a block that a device refused, at its widest gap, or in the middle where it has none: an address that nobody
    /// asked for is the likeliest to be illegal. `None` for a block that serves one read.
    pub fn split(&self, spans: &[Span]) -> Option<(Block, Block)> {
        let middle = self.reads.len().div_ceil(2);
        let cuts = 1..self.reads.len();
        let at = cuts.max_by_key(|&cut| {
            let covered = self.reads[..cut].iter().map(|&read| spans[read].end());
            let end = covered.max().unwrap_or(0);
            let gap = u32::from(spans[self.reads[cut]].start).saturating_sub(end);
            (gap, std::cmp::Reverse(cut.abs_diff(middle)))
        })?;
        let (left, right) = self.reads.split_at(at);
        Some((around(left, spans), around(right, spans)))
    }
}

/// The fewest blocks that serve every span, none longer than the limits allow, none reading across more than `max_gap` registers
/// (or 16 times as many bits) that nobody asked for, and none splitting a value. No span may be longer than its limit.
///
/// From left to right, as far as each block reaches; no other way needs fewer, whatever the widths. The leftmost value is in some
/// block, and the block that begins with it reaches furthest. Where a value no longer fits by length, it ends beyond all that any
/// block before it can hold, so what follows and would still have fitted there lies within it and costs nothing; where one does
/// not fit by its gap, nothing that could bridge the gap is left. A test compares with every other way.
pub fn plan(spans: &[Span], limits: &Limits) -> Vec<Block> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|&read| spans[read]);
    let mut blocks: Vec<Block> = Vec::new();
    for read in order {
        let span = spans[read];
        match blocks.last_mut() {
            Some(block) if limits.stretches(block.span, span) => {
                block.reads.push(read);
                block.span = cover(block.span, span);
            }
            _ => blocks.push(Block {
                span,
                reads: vec![read],
            }),
        }
    }
    blocks
}

fn cover(block: Span, next: Span) -> Span {
    let length = block.end().max(next.end()) - u32::from(block.start);
    Span {
        count: u16::try_from(length).unwrap_or(u16::MAX),
        ..block
    }
}

/// The block of some reads that are not empty and are in order of address.
fn around(reads: &[usize], spans: &[Span]) -> Block {
    let first = spans[reads[0]];
    let span = reads
        .iter()
        .fold(first, |block, &read| cover(block, spans[read]));
    Block {
        span,
        reads: reads.to_vec(),
    }
}

#[cfg(test)]
mod tests;
