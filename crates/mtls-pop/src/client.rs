//! A client whose connections show one certificate to one host.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::{Client, Request, Response};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// An HTTP client for one host, whose connections show one certificate. Cloning is cheap.
#[derive(Clone)]
pub struct BoundClient {
    client: Client,
    first: First,
}

/// Whose turn it is to connect, where nobody has: whoever holds the permit. Closed, once a request was
/// answered.
#[derive(Clone)]
pub(crate) struct First(Arc<Semaphore>);

/// The first request to a host, while it is under way. Whoever lets go of it lets the next one be the
/// first.
#[must_use = "others wait while it is held"]
pub struct FirstRequest<'a> {
    first: &'a First,
    _turn: SemaphorePermit<'a>,
}

/// How long a request waits for the first one. An API that takes longer to answer is connected to again.
const WAITING_FOR: Duration = Duration::from_secs(1);

impl BoundClient {
    pub(crate) fn new(client: Client, first: First) -> Self {
        Self { client, first }
    }

    /// Sends a request to the host that the client was asked for, [in its turn](Self::turn).
    ///
    /// # Errors
    /// As [`Client::execute`].
    pub async fn execute(&self, request: Request) -> Result<Response, reqwest::Error> {
        let first = if self.is_connected() { None } else { self.turn().await };
        let answer = self.client.execute(request).await;
        if let (Some(first), Ok(_)) = (first, &answer) {
            first.answered();
        }
        answer
    }

    /// Waits for the turn of a request, for whoever sends it by the [client](Self::client) itself.
    ///
    /// Where none was answered yet, those that come meanwhile wait for the first, for a second at most:
    /// over HTTP/2 all of them share its connection, and a renewed certificate costs one handshake, however
    /// many calls there are. The first one says when it was [answered](FirstRequest::answered).
    pub async fn turn(&self) -> Option<FirstRequest<'_>> {
        self.first.turn().await
    }

    /// Whether a request was answered before, so that none has to wait for its turn.
    pub fn is_connected(&self) -> bool {
        self.first.is_over()
    }

    /// The client itself.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl FirstRequest<'_> {
    /// There is a connection: whoever waited goes on.
    pub fn answered(self) {
        self.first.0.close();
    }
}

impl First {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    fn is_over(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits for the first request, or until it is this one; nothing where it need not wait any longer.
    async fn turn(&self) -> Option<FirstRequest<'_>> {
        let turn = timeout(WAITING_FOR, self.0.acquire()).await.ok()?.ok()?;
        Some(FirstRequest { first: self, _turn: turn })
    }
}

impl fmt::Debug for BoundClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundClient").field("is_connected", &self.is_connected()).finish_non_exhaustive()
    }
}

impl fmt::Debug for FirstRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirstRequest")
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_comes_second_waits_for_the_first_and_not_for_long() {
        let first = First::new();
        let turn = first.turn().await;
        assert!(turn.is_some());
        let began = Instant::now();
        assert!(first.turn().await.is_none());
        assert_eq!(began.elapsed(), WAITING_FOR);
        // It failed: the next one is the first.
        drop(turn);
        let turn = first.turn().await;
        assert!(!first.is_over());
        let (waited, ()) = tokio::join!(first.turn(), async { turn.unwrap().answered() });
        assert!(waited.is_none() && first.turn().await.is_none() && first.is_over());
        assert_eq!(began.elapsed(), WAITING_FOR);
    }
}
