//! A proxy on loopback that breaks what goes through it: a network that can be told what to do.
//!
//! It runs on threads of its own, so it works beside any runtime, a paused one included.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use crate::{Failure, pause::pause, port};

const STEP: Duration = Duration::from_millis(2);
const PIECE: usize = 16 * 1024;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Direction {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Answer,
}

/// Passes connections on to a port on loopback until it is told otherwise, which it can be at any time.
///
/// Dropped, it cuts what is open and listens no more.
///
/// ```
/// # use std::{io::{Read, Write}, net::{TcpListener, TcpStream}};
/// use entra_services::Proxy;
///
/// let server = TcpListener::bind("127.0.0.1:0")?;
/// let proxy = Proxy::before(server.local_addr()?.port())?;
/// let mut client = TcpStream::connect(("127.0.0.1", proxy.port()))?;
/// client.write_all(b"ping")?;
/// let (mut served, _) = server.accept()?;
/// let mut word = [0; 4];
/// served.read_exact(&mut word)?;
/// assert_eq!(&word, b"ping");
///
/// proxy.cut();
/// assert_eq!(client.read(&mut word)?, 0);
/// assert_eq!(proxy.connections(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: u16,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_over: bool,
    refuses: bool,
    is_frozen: bool,
    lanes: [Lane; 2],
    open: Vec<(TcpStream, TcpStream)>,
    connections: u64,
}

#[derive(Debug, Default)]
struct Lane {
    delay: Duration,
    bytes: u64,
    /// How many more bytes pass before the connection that carries them is cut.
    left: Option<usize>,
}

impl Proxy {
    /// Listens on a free port and passes on to this one.
    ///
    /// # Errors
    /// If there is no free port.
    pub fn before(target: u16) -> Result<Self, Failure> {
        let shared = Arc::new(Shared { target, state: Mutex::default(), changed: Condvar::new() });
        for _ in 0..port::TRIES {
            let port = port::free()?;
            if let Ok(listener) = listen(port) {
                let accepting = shared.clone();
                thread::spawn(move || accepting.accept(port, listener));
                return Ok(Self { port, shared });
            }
        }
        Err(Failure::new("the proxy found no free port"))
    }

    /// Where clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All is well again: passes on, without a delay. What was frozen is delivered.
    pub fn pass(&self) {
        self.change(|state| {
            state.refuses = false;
            state.is_frozen = false;
            state.lanes.iter_mut().for_each(|lane| (lane.delay, lane.left) = (Duration::ZERO, None));
        });
    }

    /// Listens no more, as if nothing ran on the port, and cuts what is open.
    pub fn refuse(&self) {
        self.change(|state| state.refuses = true);
        self.cut();
    }

    /// Takes connections and bytes and passes nothing on, until [`pass`](Self::pass).
    pub fn freeze(&self) {
        self.change(|state| state.is_frozen = true);
    }

    /// Holds each piece that goes this way for so long. Pieces that arrive meanwhile wait as well, so
    /// that one may take up to twice the time.
    pub fn delay(&self, direction: Direction, by: Duration) {
        self.change(|state| state.lane(direction).delay = by);
    }

    /// Cuts what is open; the next connection passes.
    pub fn cut(&self) {
        self.change(|state| {
            for (client, server) in state.open.drain(..) {
                shut(&client, &server);
            }
        });
    }

    /// Passes this many more bytes in this direction, then cuts the connection that carries the last of
    /// them: in the middle of an answer, say.
    pub fn truncate(&self, direction: Direction, after: usize) {
        self.change(|state| state.lane(direction).left = Some(after));
    }

    /// How many connections it took.
    pub fn connections(&self) -> u64 {
        self.shared.state().connections
    }

    /// How many bytes it passed on.
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.shared.state().lane(direction).bytes
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state());
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.change(|state| state.is_over = true);
        self.cut();
    }
}

impl State {
    fn lane(&mut self, direction: Direction) -> &mut Lane {
        let [request, answer] = &mut self.lanes;
        match direction {
            Direction::Request => request,
            Direction::Answer => answer,
        }
    }
}

impl Shared {
    fn accept(self: Arc<Self>, port: u16, listener: TcpListener) {
        let mut listener = Some(listener);
        loop {
            let State { is_over, refuses, .. } = *self.state();
            match &listener {
                _ if is_over => return,
                Some(_) if refuses => listener = None,
                Some(listening) => match listening.accept() {
                    Ok((client, _)) => self.clone().connect(client),
                    Err(_) => pause(STEP),
                },
                None if refuses => pause(STEP),
                None => listener = listen(port).ok(),
            }
        }
    }

    fn connect(self: Arc<Self>, client: TcpStream) {
        thread::spawn(move || {
            let _ = client.set_nonblocking(false);
            self.state().connections += 1;
            // A client whose server is away sees its connection end.
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.target)) else { return };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let pairs = (|| Ok::<_, std::io::Error>((pair(&client, &server)?, pair(&client, &server)?)))();
            let Ok((known, (to, from))) = pairs else { return };
            {
                let mut state = self.state();
                if state.refuses || state.is_over {
                    return shut(&client, &server);
                }
                state.open.retain(|(client, _)| client.peer_addr().is_ok());
                state.open.push(known);
            }
            let back = self.clone();
            thread::spawn(move || back.carry(from, to, Direction::Answer));
            self.carry(client, server, Direction::Request);
        });
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream, direction: Direction) {
        let mut piece = vec![0; PIECE];
        while let Ok(count @ 1..) = from.read(&mut piece) {
            let delay = self.state().lane(direction).delay;
            if !delay.is_zero() {
                pause(delay);
            }
            let frozen = |state: &mut State| state.is_frozen && !state.is_over;
            let mut state =
                self.changed.wait_while(self.state(), frozen).unwrap_or_else(PoisonError::into_inner);
            let lane = state.lane(direction);
            let passed = lane.left.map_or(count, |left| left.min(count));
            let is_cut = lane.left.is_some_and(|left| left <= count);
            lane.left = lane.left.map(|left| left - passed).filter(|_| !is_cut);
            lane.bytes += u64::try_from(passed).unwrap_or_default();
            drop(state);
            if to.write_all(piece.get(..passed).unwrap_or_default()).is_err() || is_cut {
                break;
            }
        }
        shut(&from, &to);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn pair(client: &TcpStream, server: &TcpStream) -> std::io::Result<(TcpStream, TcpStream)> {
    Ok((client.try_clone()?, server.try_clone()?))
}

/// An end that is gone needs no shutting.
fn shut(client: &TcpStream, server: &TcpStream) {
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
