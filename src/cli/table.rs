//! Tables of aligned plain text.

use std::io;

use super::terminal::{Terminal, Tone};
use crate::destination::text::harmless;

/// Longer cells are cut.
const LONGEST_CELL: usize = 300;

/// Rows below a head.
#[derive(Debug)]
pub(super) struct Table {
    heads: &'static [&'static str],
    rows: Vec<Vec<(String, Tone)>>,
}

impl Table {
    /// A table with this head and no rows yet.
    pub(super) fn new(heads: &'static [&'static str]) -> Self {
        Self {
            heads,
            rows: Vec::new(),
        }
    }

    /// Adds a row; words of severities and states get their colour.
    pub(super) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        let cell = |text: &str| {
            let text = harmless(text, LONGEST_CELL);
            let tone = Tone::of(&text);
            (text, tone)
        };
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    /// Writes it; a table without rows is not written at all.
    pub(super) fn print(&self, terminal: &mut Terminal<'_>) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let width = |column: usize, head: &str| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|(text, _)| text.chars().count()).max();
            widest.unwrap_or(0).max(head.chars().count())
        };
        let widths: Vec<usize> = self
            .heads
            .iter()
            .enumerate()
            .map(|(column, head)| width(column, head))
            .collect();
        let heads: Vec<(String, Tone)> = self
            .heads
            .iter()
            .map(|head| (head.to_string(), Tone::Head))
            .collect();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let mut line = String::new();
            let mut owed = 0;
            for ((text, tone), width) in row.iter().zip(&widths) {
                // Spaces are written only when something follows them.
                line.extend(std::iter::repeat_n(' ', owed));
                line.push_str(&terminal.paint(text, *tone));
                owed = width - text.chars().count() + 2;
            }
            terminal.line(line.trim_end())?;
        }
        Ok(())
    }
}
