//! A client whose connections show one certificate to one host.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::{Client, Request, Response};
use tokio::{sync::Semaphore, time::timeout};

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
        if self.first.is_over() {
            return self.client.execute(request).await;
        }
        match timeout(WAITING_FOR, self.first.0.acquire()).await {
            Ok(Ok(_turn)) => {
                let answer = self.client.execute(request).await;
                if answer.is_ok() {
                    self.first.0.close();
                }
                answer
            }
            Ok(Err(_closed)) => self.client.execute(request).await,
            Err(_elapsed) => self.client.execute(request).await,
        }
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
}

impl fmt::Debug for BoundClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundClient").field("is_connected", &self.first.is_over()).finish_non_exhaustive()
    }
}
