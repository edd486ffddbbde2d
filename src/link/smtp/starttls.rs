//! The few words before STARTTLS, said by ourselves: not one byte beyond the relay's answer is read, so that nobody on the way can say
//! something in the open that is taken for what the relay said under TLS.

use lettre::transport::smtp::extension::ClientId;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Reply, Step, Stop};
use crate::link::http::reason;

/// How much of one answer is read.
const LONGEST: usize = 16 * 1024;

/// Waits for the greeting and asks for TLS; the handshake may begin when this is done.
pub(super) async fn ask(stream: &mut TcpStream, hello: &ClientId) -> Result<(), Stop> {
    answer(stream).await?;
    say(stream, &format!("EHLO {hello}\r\n")).await?;
    let offers = answer(stream).await?;
    let offered = |line: &str| line.eq_ignore_ascii_case("STARTTLS");
    if !offers.iter().any(|line| offered(line.trim())) {
        return Err(Stop::Unreachable(
            "the mail relay offers no STARTTLS, and nothing is sent in the open; ask who runs it, or set `tls = \"implicit\"` if it speaks TLS \
             at once"
                .to_owned(),
        ));
    }
    say(stream, "STARTTLS\r\n").await?;
    answer(stream).await.map(drop)
}

async fn say(stream: &mut TcpStream, line: &str) -> Result<(), Stop> {
    let written = stream.write_all(line.as_bytes()).await;
    written.map_err(|error| Stop::Unreachable(reason::of_io(&error)))
}

/// The lines of one answer without their codes; an error where it is no 2xx.
async fn answer(stream: &mut TcpStream) -> Result<Vec<String>, Stop> {
    let (mut lines, mut line, mut read) = (Vec::new(), Vec::new(), 0);
    let no_relay = || {
        Stop::Unreachable(
            "what answers does not speak as a mail relay does; is the port right, and does it speak TLS at once (`tls = \"implicit\"`)?"
                .to_owned(),
        )
    };
    loop {
        let byte = stream.read_u8().await;
        let byte = byte.map_err(|error| Stop::Unreachable(reason::of_io(&error)))?;
        read += 1;
        if read > LONGEST {
            return Err(no_relay());
        }
        if byte != b'\n' {
            line.push(byte);
            continue;
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        let code = text.get(..3).and_then(|code| code.parse::<u16>().ok());
        let code = code
            .filter(|code| (200..600).contains(code))
            .ok_or_else(no_relay)?;
        let goes_on = text[3..].starts_with('-');
        lines.push(text.get(4..).unwrap_or_default().to_owned());
        match code {
            _ if goes_on => {}
            200..=299 => return Ok(lines),
            _ => {
                return Err(Stop::Said(Reply {
                    code,
                    to: Step::Greeting.word(),
                    text: lines.join(" "),
                }));
            }
        }
    }
}
