//! Walking the record of a running agent, page by page, into its balance.

use super::Args;
use crate::{
    cli::{client::Client, exit::Failure, terminal::Terminal},
    verify::{
        balance::{Balance, Report},
        chain,
        rows::{Account, Page, Point},
    },
};

/// How often the walk begins anew because the agent pruned meanwhile.
const TRIES: usize = 5;

/// The longest time back, in hours: a hundred years.
const LONGEST: i64 = 100 * 366 * 24;

/// Makes the balance.
pub(super) async fn balance(
    args: &Args,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Report, Failure> {
    let since = args.since.as_deref().map(|text| back(text, terminal));
    let known = args.head.as_deref().map(point);
    let (since, known) = (since.transpose()?, known.transpose()?);
    for _ in 0..TRIES {
        let account: Account = client.get(&["record", "account"], &[]).await?;
        if account.in_memory {
            return Err(Failure::not_fine(
                "nothing is written to disk at the moment (`andon status` says why): the record can be proven when it is again",
            ));
        }
        let mut balance = Balance::new(account, since, known.clone());
        walk(&mut balance, client, terminal).await?;
        let later: Account = client.get(&["record", "account"], &[]).await?;
        if !balance.is_overtaken_by(&later) {
            return Ok(balance.finish(&later));
        }
    }
    Err(Failure::not_fine(
        "the agent prunes its record; ask again in a minute",
    ))
}

async fn walk(
    balance: &mut Balance,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let mut after = i64::MIN;
    loop {
        let from = after.to_string();
        let page: Page = client.get(&["record"], &[("after", &from)]).await?;
        for entry in &page.entries {
            balance.take(entry);
        }
        let Some(last) = page.entries.last().filter(|_| !page.end) else {
            terminal.progress("")?;
            return Ok(());
        };
        after = last.seq;
        terminal.progress(&format!("event {after} of {}", balance.last()))?;
    }
}

/// `7d` before now, as milliseconds since the Unix epoch.
fn back(text: &str, terminal: &Terminal<'_>) -> Result<i64, Failure> {
    let (digits, unit) =
        text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let hours = match unit {
        "h" => Some(1),
        "d" => Some(24),
        "w" => Some(7 * 24),
        _ => None,
    };
    let count = digits.parse::<i64>().ok().filter(|count| *count > 0);
    let hours = hours.and_then(|hours| count?.checked_mul(hours));
    let hours = hours.filter(|hours| *hours <= LONGEST).ok_or_else(|| {
        Failure::usage(format!(
            "--since is {text:?}, must be a time like 12h, 7d or 4w"
        ))
    })?;
    Ok(terminal.now.as_millis() - hours * 3_600_000)
}

/// `HASH@N`
fn point(text: &str) -> Result<Point, Failure> {
    let parts = text.split_once('@').and_then(|(hash, seq)| {
        let seq: i64 = seq.parse().ok()?;
        let hash = chain::hex(&chain::from_hex(hash)?);
        (seq > 0).then_some(Point { seq, hash })
    });
    parts.ok_or_else(|| {
        Failure::usage(format!(
            "--head is {text:?}, must be 64 hexadecimal digits, @ and a number: `record.hash` and `record.sequence` of a heartbeat"
        ))
    })
}
