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

/// How long a request waits for the first one. An API that takes longer to answer is connected to again.
const WAITING_FOR: Duration = Duration::from_secs(1);

impl BoundClient {
    pub(crate) fn new(client: Client, first: First) -> Self {
        Self { client, first }
    }

    /// Sends a request to the host that the client was asked for.
    ///
    /// Where none was answered yet, those that come meanwhile wait for the first: over HTTP/2 all of them
    /// share its connection, and a renewed certificate costs one handshake, however many calls there are.
    ///
    /// # Errors
    /// As [`Client::execute`].
    pub async fn execute(&self, request: Request) -> Result<Response, reqwest::Error> {
        let turn = self.first.turn().await;
        let answer = self.client.execute(request).await;
        if turn.is_some() && answer.is_ok() {
            self.first.0.close();
        }
        answer
    }

    /// The client itself, for requests that are built and sent by it. They do not wait for each other.
    pub fn client(&self) -> &Client {
        &self.client
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
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        if self.is_over() {
            return None;
        }
        timeout(WAITING_FOR, self.0.acquire()).await.ok()?.ok()
    }
}

impl fmt::Debug for BoundClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundClient").field("is_connected", &self.first.is_over()).finish_non_exhaustive()
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
        assert!(turn.is_some());
        let (waited, ()) = tokio::join!(first.turn(), async { first.0.close() });
        assert!(waited.is_none() && first.turn().await.is_none());
        assert_eq!(began.elapsed(), WAITING_FOR);
    }
}
