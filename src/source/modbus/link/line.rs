//! A line on which frames follow each other without a number: one request, one answer, and silence between.
//!
//! It knows bytes and pauses. What a failure means for the next request is decided in [`super`].

use std::{io, pin::Pin, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Sleep, sleep, timeout},
};

use super::{
    super::plan::Span,
    Reply,
    error::Trouble,
    rtu::{self, Frame, FrameError, LONGEST},
    wire::Stream,
};

/// A line is silent when nothing has come for so long.
const SILENCE: Duration = Duration::from_millis(50);
/// A line that is not silent after so long never is.
const NEVER: Duration = Duration::from_secs(3);

/// Whether a line was silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing came.
    Nothing,
    /// Something came, and then no more.
    Strays,
    /// It goes on and on.
    NoEnd,
}

/// An open line.
#[derive(Debug)]
pub(super) struct Line {
    stream: Box<dyn Stream>,
    /// The pause before a request.
    gap: Duration,
    /// Whether an adapter sends back what is sent.
    echo: bool,
    /// When the next request may be sent.
    ready: Pin<Box<Sleep>>,
}

impl Line {
    /// A line that was opened just now.
    pub(super) fn new(stream: Box<dyn Stream>, gap: Duration, echo: bool) -> Self {
        Self {
            stream,
            gap,
            echo,
            ready: Box::pin(sleep(gap)),
        }
    }

    /// Waits for the pause before a request, in which nothing may come: what comes is thrown away until the line is silent.
    ///
    /// # Errors
    /// When the other side has closed it.
    pub(super) async fn settle(&mut self) -> io::Result<Heard> {
        let mut thrown = [0; LONGEST];
        let came = tokio::select! {
            biased;
            read = self.stream.read(&mut thrown) => read?,
            () = &mut self.ready => return Ok(Heard::Nothing),
        };
        end_of(came)?;
        self.hush().await
    }

    /// Reads and throws away until nothing comes any more.
    ///
    /// # Errors
    /// When the other side has closed it.
    pub(super) async fn hush(&mut self) -> io::Result<Heard> {
        let mut thrown = [0; LONGEST];
        let mut heard = Heard::Nothing;
        let silent = async {
            while let Ok(read) = timeout(SILENCE, self.stream.read(&mut thrown)).await {
                end_of(read?)?;
                heard = Heard::Strays;
                // An endless stream is always ready, and its neighbours in this thread want their turn.
                tokio::task::yield_now().await;
            }
            Ok(())
        };
        match timeout(NEVER, silent).await {
            Ok(Ok(())) => Ok(heard),
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(Heard::NoEnd),
        }
    }

    /// Sends a request and waits for its answer, for ever: the caller has the patience.
    pub(super) async fn ask(&mut self, unit: u8, span: Span) -> Result<Reply, Trouble> {
        let request = rtu::request(unit, span);
        self.stream.write_all(&request).await?;
        self.stream.flush().await?;
        if self.echo {
            let mut echo = [0; rtu::REQUEST];
            self.stream.read_exact(&mut echo).await?;
            if echo != request {
                return Err(Trouble::Frame(FrameError::Echo));
            }
        }
        let mut bytes = Vec::with_capacity(LONGEST);
        let mut piece = [0; LONGEST];
        loop {
            let read = self.stream.read(&mut piece).await?;
            end_of(read)?;
            bytes.extend(&piece[..read]);
            let reply = match rtu::read(unit, span, &bytes).map_err(Trouble::Frame)? {
                Frame::Part => continue,
                Frame::Answer(answer) => Ok(answer),
                Frame::Exception(code) => Err(code),
            };
            self.ready.set(sleep(self.gap));
            return Ok(reply);
        }
    }

    /// Throws away all that comes, until the stream ends.
    pub(super) async fn throw_away(&mut self) {
        let mut thrown = [0; LONGEST];
        while self
            .stream
            .read(&mut thrown)
            .await
            .is_ok_and(|read| read > 0)
        {
            tokio::task::yield_now().await;
        }
    }
}

fn end_of(read: usize) -> io::Result<()> {
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
