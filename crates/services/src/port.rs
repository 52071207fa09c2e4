//! Ports that nobody listens on.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    net::{Ipv4Addr, TcpListener},
};

use crate::Failure;

/// Below what systems give to outgoing connections (Linux from 32768, macOS from 49152), so that a
/// server which was killed finds its port free when it comes back.
const LOWEST: u16 = 15_000;
const COUNT: u16 = 7_000;

/// The bus of a Redis cluster is this far above the port of its node.
const TO_BUS: u16 = 10_000;

/// How often another port is tried before somebody is told.
pub(crate) const TRIES: usize = 10;

/// A port that is free now, and so is the one above it that a node of a cluster would listen on.
pub(crate) fn free() -> Result<u16, Failure> {
    (0..TRIES * 20)
        .map(|_| LOWEST + random() % COUNT)
        .find(|port| is_free(*port) && is_free(port + TO_BUS))
        .ok_or_else(|| Failure::new("no free port was found on loopback"))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The standard library seeds each of its hashers anew.
fn random() -> u16 {
    let [low, high, ..] = RandomState::new().build_hasher().finish().to_le_bytes();
    u16::from_le_bytes([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_low_enough_for_a_cluster() {
        for _ in 0..50 {
            let port = free().unwrap();
            assert!((LOWEST..LOWEST + COUNT).contains(&port) && port.checked_add(TO_BUS).is_some());
        }
    }
}
