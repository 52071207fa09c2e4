//! Messages of TDS: packets of at most 4,096 bytes, the last of which says so.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(crate) const BATCH: u8 = 0x01;
pub(crate) const RPC: u8 = 0x03;
pub(crate) const ANSWER: u8 = 0x04;
pub(crate) const ATTENTION: u8 = 0x06;
pub(crate) const LOGIN: u8 = 0x10;
pub(crate) const PRELOGIN: u8 = 0x12;

const HEADER: usize = 8;
const PACKET: usize = 4096;
const END: u8 = 0x01;

/// What kind of message comes, and its bytes.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let mut message = Vec::new();
    loop {
        let mut header = [0; HEADER];
        stream.read_exact(&mut header).await?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let start = message.len();
        message.resize(start + length.checked_sub(HEADER).ok_or(io::ErrorKind::InvalidData)?, 0);
        stream.read_exact(&mut message[start..]).await?;
        if header[1] & END != 0 {
            return Ok((header[0], message));
        }
    }
}

pub(crate) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    kind: u8,
    message: &[u8],
) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(message.len() + HEADER);
    let mut packets = message.chunks(PACKET - HEADER).enumerate().peekable();
    while let Some((index, packet)) = packets.next() {
        let length = u16::try_from(packet.len() + HEADER).unwrap().to_be_bytes();
        let status = if packets.peek().is_none() { END } else { 0 };
        let number = u8::try_from((index + 1) % 256).unwrap();
        bytes.extend([kind, status, length[0], length[1], 0, 0, number, 0]);
        bytes.extend(packet);
    }
    stream.write_all(&bytes).await?;
    stream.flush().await
}
