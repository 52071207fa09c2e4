//! Which clients are kept, and for how long.

use entra_abstractions::KeyForm;
use entra_emulator::ids;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::*;

fn binding(certificate: &str) -> Binding {
    bound_to(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap().to_vec())
}

fn bound_to(certificate: Vec<u8>) -> Binding {
    let key = match PrivateKeyDer::from_pem_slice(ids::APP_KEY.as_bytes()).unwrap() {
        PrivateKeyDer::Pkcs8(key) => KeyForm::Pkcs8(key.secret_pkcs8_der().to_vec().into()),
        PrivateKeyDer::Pkcs1(key) => KeyForm::Pkcs1(key.secret_pkcs1_der().to_vec().into()),
        other => panic!("another form of key: {other:?}"),
    };
    Binding::new(vec![certificate], &key).unwrap()
}

fn clients() -> BoundClients {
    BoundClients::new(&HttpSettings::default(), |builder| builder)
}

fn kept(clients: &BoundClients) -> usize {
    clients.known.lock().unwrap().clients.len()
}

#[test]
fn a_certificate_has_one_client_while_somebody_holds_it() {
    let (clients, url) = (clients(), Url::parse("https://orders.example/v1").unwrap());
    let first = binding(ids::APP_CERTIFICATE);
    clients.of(&first, &url).unwrap();
    // Read twice it is the same.
    let same = binding(ids::APP_CERTIFICATE);
    clients.of(&same, &url).unwrap();
    drop(first);
    clients.of(&same, &url).unwrap();
    assert_eq!(kept(&clients), 1);
    // Another way to a host is another client of the same.
    clients.of(&same, &Url::parse("https://localhost:1").unwrap()).unwrap();
    assert_eq!(kept(&clients), 2);
    let renewed = binding(ids::RENEWED_CERTIFICATE);
    clients.of(&renewed, &url).unwrap();
    assert_eq!(kept(&clients), 3);
    drop(same);
    clients.of(&renewed, &url).unwrap();
    assert_eq!(kept(&clients), 1);
}

#[test]
fn what_is_used_least_of_late_goes_first() {
    let (clients, url) = (clients(), Url::parse("https://orders.example").unwrap());
    // Nobody parses the certificate before a handshake.
    let held: Vec<Binding> = (0..=16).map(|number| bound_to(vec![number])).collect();
    for binding in &held[..16] {
        clients.of(binding, &url).unwrap();
    }
    clients.of(&held[0], &url).unwrap();
    clients.of(&held[16], &url).unwrap();
    let known = clients.known.lock().unwrap();
    assert_eq!(known.clients.len(), MOST);
    assert!(known.clients.iter().any(|one| one.is_of(&held[0])));
    assert!(!known.clients.iter().any(|one| one.is_of(&held[1])));
}

#[test]
fn each_host_has_a_first_request() {
    let (clients, held) = (clients(), binding(ids::APP_CERTIFICATE));
    let first = |url: &str| {
        clients.of(&held, &Url::parse(url).unwrap()).unwrap();
        clients.known.lock().unwrap().clients[0].hosts.len()
    };
    assert_eq!(first("https://orders.example/a"), 1);
    assert_eq!(first("https://orders.example:443/b"), 1);
    assert_eq!(first("https://orders.example:8443/b"), 2);
    for number in 0..MOST_HOSTS {
        assert!(first(&format!("https://{number}.example")) <= MOST_HOSTS);
    }
}

#[test]
fn a_key_that_cannot_sign_is_told() {
    let held = Binding::new(vec![vec![1]], &KeyForm::Pkcs8(b"s3cret?%G&=".to_vec().into())).unwrap();
    let fault = clients().of(&held, &Url::parse("https://orders.example").unwrap()).unwrap_err();
    assert_eq!(fault.to_string(), "the certificate cannot be that of a connection");
}
