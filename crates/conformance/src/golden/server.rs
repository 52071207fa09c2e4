//! The loopback server behind every host name of a scenario: one port, TLS or not by the first
//! byte that comes.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Result;
use bytes::Bytes;
use entra_abstractions::{Clock, testing::ManualClock};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use super::{
    capture::Captor,
    request::Request,
    scenario::{Scenario, Step},
    script::{PlainReply, Script},
};

/// A server that plays the other side of one scenario, and writes down what it is asked.
pub(crate) struct Server {
    address: SocketAddr,
    stage: Arc<Stage>,
    accepting: JoinHandle<()>,
}

struct Stage {
    captor: Captor,
    clock: Arc<ManualClock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    script: Script,
    seen: Vec<Request>,
}

/// A first byte that never comes must not hold a connection for ever.
const FIRST_BYTE_IN: Duration = Duration::from_secs(10);

impl Server {
    /// Listens on a free port of the loopback address.
    pub(crate) async fn start(
        captor: Captor,
        clock: Arc<ManualClock>,
        tls: Arc<ServerConfig>,
    ) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let stage = Arc::new(Stage { captor, clock, state: Mutex::default() });
        let accepting = tokio::spawn(accept(listener, TlsAcceptor::from(tls), Arc::clone(&stage)));
        Ok(Self { address, stage, accepting })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins a step: its script answers from now on.
    pub(crate) fn begin(&self, scenario: &Scenario, step: &Step) {
        self.stage.state().script.begin(scenario, step);
    }

    /// The name of a certificate.
    pub(crate) fn certificate(&self, der: &[u8]) -> &str {
        self.stage.captor.certificates.name(der)
    }

    /// What was asked since the last call, in order.
    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.stage.state().seen)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.address)
    }
}

impl Stage {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(
        &self,
        scheme: &str,
        shown: Option<&[u8]>,
        request: hyper::Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Broken> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, LARGEST).collect().await.map_err(|_too_large| Broken)?.to_bytes();
        let now = self.clock.now();
        let captured = self.captor.capture((scheme, shown), &parts, &body, now);
        let mut state = self.state();
        let reply = state.script.answer(&captured);
        state.seen.push(captured);
        drop(state);
        let reply = reply.ok_or(Broken)?;
        response(&reply, &httpdate::fmt_http_date(now)).map_err(|_not_http| Broken)
    }
}

/// Longer than any request of a scenario.
const LARGEST: usize = 1024 * 1024;

/// Breaks the connection, as a service's error does.
#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the script breaks this connection")
    }
}

impl std::error::Error for Broken {}

fn response(reply: &PlainReply, date: &str) -> http::Result<Response<Full<Bytes>>> {
    // The date is the play's, not the machine's: clients learn from it how far their clock is off.
    let mut response = Response::builder()
        .status(reply.status)
        .header("content-type", &reply.content_type)
        .header("date", date);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response.body(Full::from(reply.body.clone()))
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, stage: Arc<Stage>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, tls.clone(), Arc::clone(&stage)));
    }
}

async fn connection(stream: TcpStream, tls: TlsAcceptor, stage: Arc<Stage>) {
    let mut first = [0; 1];
    let Ok(Ok(1)) = tokio::time::timeout(FIRST_BYTE_IN, stream.peek(&mut first)).await else {
        return;
    };
    if first == [TLS_HANDSHAKE] {
        // A client that does not trust us says so on its own side.
        if let Ok(stream) = tls.accept(stream).await {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).map(|der| der.to_vec());
            talk(stream, "https", shown.as_deref(), &stage).await;
        }
    } else {
        talk(stream, "http", None, &stage).await;
    }
}

/// The content type of a TLS record that begins a handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 22;

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    scheme: &str,
    shown: Option<&[u8]>,
    stage: &Stage,
) {
    let service = service_fn(|request| stage.serve(scheme, shown, request));
    // An error here is one that the script wanted, or the client's going away.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}
