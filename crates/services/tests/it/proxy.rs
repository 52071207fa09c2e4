//! The proxy, before a server that says back what it hears.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use entra_services::{Direction, Proxy};

/// A proxy before an echo.
fn proxy() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::before(listener.local_addr().unwrap().port()).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || std::io::copy(&mut stream.try_clone().unwrap(), &mut stream));
        }
    });
    proxy
}

fn connect(proxy: &Proxy) -> TcpStream {
    let client = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client
}

fn echo(client: &mut TcpStream, word: &str) -> std::io::Result<String> {
    client.write_all(word.as_bytes())?;
    let mut heard = vec![0; word.len()];
    client.read_exact(&mut heard)?;
    Ok(String::from_utf8(heard).unwrap())
}

#[test]
fn passes_and_counts() {
    let proxy = proxy();
    assert_eq!(echo(&mut connect(&proxy), "one").unwrap(), "one");
    assert_eq!(echo(&mut connect(&proxy), "three").unwrap(), "three");
    assert_eq!(proxy.connections(), 2);
    assert_eq!((proxy.bytes(Direction::Request), proxy.bytes(Direction::Answer)), (8, 8));
}

#[test]
fn refuses_and_passes_again_on_the_same_port() {
    let proxy = proxy();
    let mut open = connect(&proxy);
    echo(&mut open, "x").unwrap();
    proxy.refuse();
    assert!(echo(&mut open, "x").is_err());
    // The thread that listens looks every few milliseconds, and whoever waits to be taken in the moment
    // in which it ends is reset.
    let refused = (0..1_000).any(|_| {
        let stream = TcpStream::connect(("127.0.0.1", proxy.port()));
        stream.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
    assert!(refused, "nobody listens any more");
    proxy.pass();
    let again = (0..100_000).find_map(|_| TcpStream::connect(("127.0.0.1", proxy.port())).ok());
    assert_eq!(echo(&mut again.unwrap(), "back").unwrap(), "back");
}

#[test]
fn freezes_and_delivers() {
    let proxy = proxy();
    let mut client = connect(&proxy);
    echo(&mut client, "warm").unwrap();
    proxy.freeze();
    client.write_all(b"held").unwrap();
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut heard = [0; 4];
    let error = client.read(&mut heard).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    proxy.pass();
    client.set_read_timeout(None).unwrap();
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"held");
}

#[test]
fn delays_one_direction() {
    let proxy = proxy();
    let mut client = connect(&proxy);
    proxy.delay(Direction::Answer, Duration::from_millis(200));
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    client.write_all(b"slow").unwrap();
    let mut heard = [0; 4];
    client.read(&mut heard).unwrap_err();
    assert_eq!(proxy.bytes(Direction::Request), 4);
    client.set_read_timeout(None).unwrap();
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"slow");
}

#[test]
fn cuts_what_is_open_and_takes_what_comes() {
    let proxy = proxy();
    let mut client = connect(&proxy);
    echo(&mut client, "warm").unwrap();
    proxy.cut();
    assert!(echo(&mut client, "dead").is_err());
    assert_eq!(echo(&mut connect(&proxy), "new").unwrap(), "new");
}

#[test]
fn truncates_an_answer_once() {
    let proxy = proxy();
    let mut client = connect(&proxy);
    proxy.truncate(Direction::Answer, 3);
    client.write_all(b"abcdef").unwrap();
    let mut heard = String::new();
    client.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "abc");
    assert_eq!(echo(&mut connect(&proxy), "abcdef").unwrap(), "abcdef");
}
