//! A double of SQL Server: as much of TDS 7.4 as this crate speaks, and the statements of
//! `tests/golden`, to the letter. It is no SQL Server: that the statements are right T-SQL it cannot
//! tell.

mod packet;
mod read;
mod table;
mod tls;
mod token;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use entra_abstractions::Clock;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use self::{
    read::{Call, Login},
    tls::Tls,
    token::Answer,
};

pub(crate) use self::table::{Refusal, Table};

pub(crate) const USER: &str = "o'brien@contoso.example";
pub(crate) const PASSWORD: &str = "s3cret?%G&=;'\"";
pub(crate) const TOKEN: &str = "at.s3cret?%G&=.database";

/// A server on loopback, which lives as long as this.
pub(crate) struct Double {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    task: Mutex<Option<JoinHandle<()>>>,
    connections: Connections,
}

type Connections = Arc<Mutex<JoinSet<io::Result<()>>>>;

struct State {
    table: Mutex<Table>,
    tls: Tls,
    clock: Arc<dyn Clock>,
}

impl Double {
    pub(crate) async fn start(clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { table: Mutex::default(), tls: Tls::new(), clock });
        let connections = Connections::default();
        let task = tokio::spawn(serve(listener, state.clone(), connections.clone()));
        Self { address, state, task: Mutex::new(Some(task)), connections }
    }

    /// The connection string with which it lets one in.
    pub(crate) fn connection_string(&self) -> String {
        let port = self.address.port();
        format!(
            "Server=tcp:localhost,{port};Database=Tokens;User ID={USER};Password=\"{}\"",
            PASSWORD.replace('"', "\"\"")
        )
    }

    /// The certificate to trust.
    pub(crate) fn certificate(&self) -> &str {
        &self.state.tls.certificate
    }

    /// What is in it, to look into and to spoil.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Table) -> T) -> T {
        look(&mut self.state.table.lock().unwrap())
    }

    /// Closes all connections and listens no more. Nothing is lost.
    pub(crate) async fn go_away(&self) {
        let task = self.task.lock().unwrap().take();
        if let Some(task) = task {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        // One that is answering at this moment has its say before it ends.
        let mut connections = std::mem::take(&mut *self.connections.lock().unwrap());
        connections.shutdown().await;
    }

    pub(crate) async fn come_back(&self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let serving = serve(listener, self.state.clone(), self.connections.clone());
        *self.task.lock().unwrap() = Some(tokio::spawn(serving));
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap().take() {
            task.abort();
        }
    }
}

async fn serve(listener: TcpListener, state: Arc<State>, connections: Connections) {
    while let Ok((stream, _)) = listener.accept().await {
        let mut connections = connections.lock().unwrap();
        // A client that goes away is no fault.
        connections.spawn(converse(stream, state.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(mut stream: TcpStream, state: Arc<State>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (kind, prelogin) = packet::read(&mut stream).await?;
    assert_eq!(kind, packet::PRELOGIN);
    packet::write(&mut stream, packet::ANSWER, &answer_prelogin(&prelogin)).await?;
    let mut stream = state.tls.accept(stream).await?;
    let (kind, login) = packet::read(&mut stream).await?;
    assert_eq!(kind, packet::LOGIN);
    let (answer, is_in) = state.table.lock().unwrap().login(&Login::read(&login));
    packet::write(&mut stream, packet::ANSWER, &answer.0).await?;
    if !is_in {
        return Ok(());
    }
    loop {
        talk(&mut stream, &state).await?;
    }
}

/// Version, encryption for all that follows, no instance, no MARS; tokens are welcome.
fn answer_prelogin(asked: &[u8]) -> Vec<u8> {
    let asks_for_tokens = asked.chunks(5).take_while(|option| option[0] != 0xff).any(|option| option[0] == 6);
    let mut options =
        vec![(0_u8, vec![16, 0, 0x10, 0, 0, 0]), (1, vec![1]), (2, vec![0]), (3, vec![]), (4, vec![0])];
    if asks_for_tokens {
        options.push((6, vec![1]));
    }
    let mut offset = options.len() * 5 + 1;
    let mut answer = Vec::new();
    for (option, value) in &options {
        answer.push(*option);
        answer.extend(u16::try_from(offset).unwrap().to_be_bytes());
        answer.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        offset += value.len();
    }
    answer.push(0xff);
    answer.extend(options.into_iter().flat_map(|(_, value)| value));
    answer
}

async fn talk(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), state: &State) -> io::Result<()> {
    let (kind, message) = packet::read(stream).await?;
    let answer = match kind {
        packet::RPC => state.table.lock().unwrap().call(Call::read(&message), state.clock.now()),
        packet::BATCH => Some(Answer::default().error(102, 15, "Incorrect syntax: this is a double.")),
        packet::ATTENTION => Some(Answer::default().given_up()),
        kind => panic!("a message of kind {kind:#x}"),
    };
    match answer {
        Some(answer) => packet::write(stream, packet::ANSWER, &answer.0).await,
        // Hangs, as a server does that was stopped.
        None => std::future::pending().await,
    }
}
