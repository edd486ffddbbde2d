//! An answer without an end: it is read as it comes, a piece at a time.

use reqwest::Response;

use super::{Call, CallError, HttpClient, Reply, read_some, reason};

/// A body that is read as it comes.
#[derive(Debug)]
pub struct Flow(Response);

impl HttpClient {
    /// Does one exchange and gives the body of a good answer to be read; another answer is read whole.
    ///
    /// # Errors
    /// [`CallError`] when there is no answer.
    pub async fn open(&self, call: &Call) -> Result<Result<Flow, Reply>, CallError> {
        let answer = self.client.execute(self.request(call)?).await;
        let answer = answer.map_err(|error| reason::of(&error.without_url(), &self.way))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(Ok(Flow(answer)));
        }
        let (body, cut) = read_some(answer, self.answer_limit).await;
        Ok(Err(Reply {
            status: status.as_u16(),
            retry_after: None,
            request_id: None,
            body,
            cut,
        }))
    }
}

impl Flow {
    /// The next bytes; none at the end, and where the peer broke off. It may be dropped while it waits.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        self.0.chunk().await.ok().flatten().map(Vec::from)
    }
}
