//! Listens on loopback, in a thread and a runtime of its own, so that a test's runtime may block or hold its time.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::mtls::ClientCertificate;
use crate::realm::Realm;
use crate::serve::serve;

/// A listening server; it stops when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    port: u16,
}

impl Server {
    pub(crate) fn start(
        port: u16,
        name: &str,
        tls: Option<Arc<ServerConfig>>,
        realm: Arc<Realm>,
    ) -> io::Result<Self> {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = first.local_addr()?.port();
        // `localhost` may mean either address. A machine without IPv6 does without.
        let second = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).ok();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let house =
            House { realm, tls: tls.map(TlsAcceptor::from), scheme, host: format!("{name}:{port}").into() };
        let thread = thread::Builder::new().name("entra-emulator".to_owned()).spawn(move || {
            runtime.block_on(async {
                for listener in [Some(first), second].into_iter().flatten() {
                    tokio::spawn(accept(listener, house.clone()));
                }
                // An error means that the handle is gone, which is the same wish.
                let _gone = stopped.await;
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread), port })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself.
            let _ended = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

#[derive(Clone)]
struct House {
    realm: Arc<Realm>,
    tls: Option<TlsAcceptor>,
    scheme: &'static str,
    host: Arc<str>,
}

async fn accept(listener: TcpListener, house: House) {
    let listening = listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
    let Ok(listener) = listening else { return };
    loop {
        // A connection that dies before it is accepted is the client's affair.
        if let Ok((stream, _peer)) = listener.accept().await {
            tokio::spawn(connection(stream, house.clone()));
        }
    }
}

async fn connection(stream: TcpStream, house: House) {
    // Answers are small; waiting to fill a packet would add milliseconds to each. Failing costs only those.
    let _slower = stream.set_nodelay(true);
    let severed = Arc::new(AtomicBool::new(false));
    let wire = Wire { stream, severed: Arc::clone(&severed) };
    match house.tls.clone() {
        // A client that distrusts the test authority ends the handshake: nothing to do about it here.
        Some(tls) => {
            if let Ok(encrypted) = tls.accept(wire).await {
                let shown = encrypted.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let shown = shown.map(|der| ClientCertificate::new(der));
                speak(encrypted, house, severed, shown).await;
            }
        }
        None => speak(wire, house, severed, None).await,
    }
}

async fn speak<S>(stream: S, house: House, severed: Arc<AtomicBool>, shown: Option<ClientCertificate>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (house, severed, shown) = (house.clone(), Arc::clone(&severed), shown.clone());
        async move {
            let answer = serve(house.realm, house.scheme, house.host, shown, request).await;
            if answer.is_err() {
                severed.store(true, Ordering::Release);
            }
            answer
        }
    });
    // An error is the end of the connection, by the client or by the script; the log has the request.
    let _ended =
        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// A TCP stream that can end with a reset instead of a polite close.
struct Wire {
    stream: TcpStream,
    severed: Arc<AtomicBool>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.severed.load(Ordering::Acquire) {
            // Closing with zero linger sends RST. Where that is refused the close is polite, and still a close.
            let _polite = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.severed.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The address that is listened to, for messages.
pub(crate) fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
