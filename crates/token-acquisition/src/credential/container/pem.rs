//! Reads PEM (RFC 7468): certificates, and private keys as PKCS#8, locked PKCS#8 or PKCS#1.
//!
//! By hand rather than by one of the PEM crates in the tree: none of them both knows locked keys and
//! wipes what it read.

use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::{KeyForm, Misconfigured, Secret};
use pkcs8::{EncryptedPrivateKeyInfoRef, pkcs5};
use zeroize::Zeroizing;

use super::{Container, locked};

pub(super) fn is_pem(content: &[u8]) -> bool {
    content.windows(BEGIN.len()).any(|window| window == BEGIN)
}

pub(super) fn open(content: &[u8], password: Option<&Secret>) -> Result<Container, Misconfigured> {
    let mut container = Container::default();
    let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
    let mut lines = content.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
    while let Some(line) = lines.next() {
        let Some(label) = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(DASHES)) else {
            continue;
        };
        let der = block(&mut lines, content.len())?;
        match label {
            b"CERTIFICATE" => container.certificates.push(der.to_vec()),
            b"PRIVATE KEY" => container.keys.push(KeyForm::Pkcs8(der)),
            b"RSA PRIVATE KEY" => container.keys.push(KeyForm::Pkcs1(der)),
            b"ENCRYPTED PRIVATE KEY" => container.keys.push(KeyForm::Pkcs8(unlock(&der, password)?)),
            // Parameters, public keys and requests may lie beside; a key that is not RSA is told by
            // its certificate.
            _ => {}
        }
    }
    Ok(container)
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The decoded lines up to the end of the block.
fn block<'a>(
    lines: &mut impl Iterator<Item = &'a [u8]>,
    room: usize,
) -> Result<Zeroizing<Vec<u8>>, Misconfigured> {
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    for line in lines {
        if line.starts_with(END) {
            // Without the decoder's error: it tells characters of the key.
            return STANDARD.decode(&*text).ok().map(Zeroizing::new).ok_or_else(|| {
                Misconfigured::new("a PEM block is not base64").hint("export the file again")
            });
        }
        if line.starts_with(b"Proc-Type:") {
            return Err(Misconfigured::new("the private key is locked in the way of old OpenSSL versions")
                .hint("convert it with: openssl pkcs8 -topk8 -v2 aes-256-cbc -in old.pem -out new.pem"));
        }
        text.extend_from_slice(line);
    }
    Err(Misconfigured::new("a PEM block is cut off").hint("export the file again"))
}

fn unlock(der: &[u8], password: Option<&Secret>) -> Result<Zeroizing<Vec<u8>>, Misconfigured> {
    let Some(secret) = password else { return Err(locked("the private key", None)) };
    let damaged = |error| Misconfigured::new("the locked private key is damaged").with_source(error);
    let key = EncryptedPrivateKeyInfoRef::try_from(der).map_err(damaged)?;
    if !is_affordable(&key.encryption_algorithm) {
        return Err(unsupported());
    }
    match key.decrypt(secret.expose()) {
        Ok(plain) => Ok(Zeroizing::new(plain.as_bytes().to_vec())),
        Err(pkcs8::Error::EncryptedPrivateKey(
            pkcs5::Error::UnsupportedAlgorithm { .. } | pkcs5::Error::NoPbes1CryptSupport,
        )) => Err(unsupported()),
        // A wrong password shows as bad padding or, now and then, as nonsense behind good padding.
        Err(_) => Err(locked("the private key", password)),
    }
}

fn unsupported() -> Misconfigured {
    Misconfigured::new("the private key is locked in a way that is not supported")
        .hint("convert it with: openssl pkcs8 -topk8 -v2 aes-256-cbc -in old.pem -out new.pem")
}

/// Whether unlocking takes a bounded time: the file says how long its password is kneaded.
fn is_affordable(scheme: &pkcs5::EncryptionScheme) -> bool {
    let Some(parameters) = scheme.pbes2() else { return true };
    let rounds = parameters.kdf.pbkdf2().is_none_or(|kdf| kdf.iteration_count <= MOST_ROUNDS);
    let memory = parameters.kdf.scrypt().is_none_or(|kdf| {
        let blocks = kdf.cost_parameter.checked_mul(u64::from(kdf.block_size));
        blocks.is_some_and(|blocks| blocks <= MOST_SCRYPT_BLOCKS) && kdf.parallelization <= 16
    });
    rounds && memory
}

const MOST_ROUNDS: u32 = 1_000_000;
/// Of 128 bytes each: 128 MiB.
const MOST_SCRYPT_BLOCKS: u64 = 1 << 20;
