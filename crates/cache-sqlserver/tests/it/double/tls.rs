//! TLS as TDS 7 has it: while the handshake lasts, its bytes travel within packets of the prelogin.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs::default_provider,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        version::TLS12,
    },
    server::TlsStream,
};

use super::packet::PRELOGIN;

/// The certificate of the double, for `localhost`, and what it is used with.
pub(crate) struct Tls {
    pub(crate) certificate: String,
    acceptor: TlsAcceptor,
}

impl Tls {
    pub(crate) fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            // As servers of TDS 7 do.
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        Self { certificate: cert.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<Wrapped>> {
        let wrapped = Wrapped { stream, is_handshake: true, header: Vec::new(), left: 0, out: Vec::new() };
        let mut stream = self.acceptor.accept(wrapped).await?;
        stream.get_mut().0.is_handshake = false;
        Ok(stream)
    }
}

/// A stream that wraps and unwraps what goes over it, as long as the handshake lasts.
pub(crate) struct Wrapped {
    stream: TcpStream,
    is_handshake: bool,
    header: Vec<u8>,
    /// What is left of the packet that is being read.
    left: usize,
    /// What is to be sent as one packet.
    out: Vec<u8>,
}

impl AsyncRead for Wrapped {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.is_handshake {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        while this.left == 0 {
            let mut byte = [0];
            let mut one = ReadBuf::new(&mut byte);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut one))?;
            if one.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.header.push(byte[0]);
            if let [kind, _, high, low, _, _, _, _] = this.header[..] {
                assert_eq!(kind, PRELOGIN, "a handshake travels in packets of the prelogin");
                this.left = usize::from(u16::from_be_bytes([high, low])) - this.header.len();
                this.header.clear();
            }
        }
        let mut part = buffer.take(this.left);
        let before = part.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, &mut part))?;
        let read = part.filled().len() - before;
        // `take` looks into the same memory, of which the buffer does not know that it is filled.
        let bytes = part.filled().to_vec();
        buffer.put_slice(&bytes);
        this.left -= read;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wrapped {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.is_handshake {
            return Pin::new(&mut this.stream).poll_write(context, bytes);
        }
        if this.out.is_empty() {
            this.out.extend([PRELOGIN, 1, 0, 0, 0, 0, 1, 0]);
        }
        this.out.extend(bytes);
        let length = u16::try_from(this.out.len()).unwrap().to_be_bytes();
        this.out[2..4].copy_from_slice(&length);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.out.is_empty() {
            let written = ready!(Pin::new(&mut this.stream).poll_write(context, &this.out))?;
            this.out.drain(..written);
        }
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
