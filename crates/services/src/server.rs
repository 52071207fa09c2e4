//! One process that serves: started, awaited, killed, frozen, started again on the same port.

use std::{
    fmt::{self, Debug, Formatter},
    net::{Ipv4Addr, TcpStream},
    process::Child,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    Failure,
    folder::Folder,
    package::Program,
    pause::pause,
    port,
    signal::{self, Tell},
    watchdog::Watchdog,
};

/// How long a server may take until it answers; a busy machine with two cores included.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(20);

/// A server process of this test's own. It ends when this is dropped, and when this program dies.
///
/// All that is done to it takes `&self`, so that a test can hand it to whoever breaks it.
pub struct Server {
    port: u16,
    recipe: Recipe,
    state: Mutex<State>,
    folder: Folder,
}

/// How a server is started, and how to see that it is ours that answers.
pub(crate) struct Recipe {
    pub(crate) program: Program,
    /// The arguments for a port.
    pub(crate) arguments: ForPort<Vec<String>>,
    /// Asks it for its folder: somebody else's server may have been quicker on the port.
    pub(crate) ask: ForPort<Result<String, Failure>>,
}

type ForPort<T> = Box<dyn Fn(&Folder, u16) -> T + Send + Sync>;

struct State {
    child: Option<Child>,
    watchdog: Watchdog,
}

impl Server {
    /// Starts it on a port that is free; on another one if somebody else takes it meanwhile.
    pub(crate) fn start(folder: Folder, recipe: Recipe) -> Result<Self, Failure> {
        let watchdog = Watchdog::over(&folder)?;
        let state = Mutex::new(State { child: None, watchdog });
        let mut server = Self { port: 0, recipe, state, folder };
        for _ in 1..port::TRIES {
            server.port = port::free()?;
            match server.restart() {
                Err(failure) if failure.is_taken_port() => {}
                Err(failure) => return Err(failure),
                Ok(()) => return Ok(server),
            }
        }
        Err(Failure::new(format!("{} found no free port", server.recipe.program.name)))
    }

    /// The port on 127.0.0.1, the same for its whole life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it with SIGKILL, and with it the processes that serve its connections. What it was asked
    /// to store and answered stays.
    pub fn kill(&self) {
        let mut state = self.state();
        if let Some(mut child) = state.child.take() {
            signal::tell_all(child.id(), Tell::Kill);
            // It has ended, or is about to.
            let _ = child.wait();
            state.watchdog.watch(&[]);
        }
    }

    /// Starts it again on the same port, and waits until it answers. A server that runs is killed
    /// first.
    ///
    /// # Errors
    /// With the end of the log if it does not come up.
    pub fn restart(&self) -> Result<(), Failure> {
        self.launch()?;
        self.answered()
    }

    /// Stops all of its processes (SIGSTOP): connections stay open, and nothing is answered.
    pub fn freeze(&self) {
        self.tell(Tell::Stop);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.tell(Tell::Continue);
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Starts the process and does not wait.
    fn launch(&self) -> Result<(), Failure> {
        self.kill();
        let Self { port, recipe, folder, .. } = self;
        let child = folder.spawn(&recipe.program, &(recipe.arguments)(folder, *port))?;
        let mut state = self.state();
        state.watchdog.watch(&[child.id()]);
        state.child = Some(child);
        Ok(())
    }

    fn answered(&self) -> Result<(), Failure> {
        let Self { port, recipe, folder, .. } = self;
        let name = recipe.program.name;
        let mut last = None;
        for _ in 0..PATIENCE.as_millis() / STEP.as_millis() {
            if let Some(status) = self.state().child.as_mut().and_then(|child| child.try_wait().ok()?) {
                return Err(Failure::new(format!("{name} ended ({status})")).with_log(&folder.log()));
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok() {
                match (recipe.ask)(folder, *port) {
                    Ok(said) if said.contains(&*folder.path().to_string_lossy()) => return Ok(()),
                    // Ours will end at once, because the port is taken.
                    Ok(_) => {}
                    Err(failure) => last = Some(failure),
                }
            }
            pause(STEP);
        }
        let last = last.map(|failure| format!(" ({failure})")).unwrap_or_default();
        Err(Failure::new(format!("{name} did not answer in {} s{last}", PATIENCE.as_secs()))
            .with_log(&folder.log()))
    }

    fn tell(&self, what: Tell) {
        let mut state = self.state();
        if let Some(child) = &state.child {
            let told = signal::tell_all(child.id(), what);
            state.watchdog.watch(&told);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Debug for Server {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { port, recipe, .. } = self;
        f.debug_struct("Server")
            .field("program", &recipe.program.name)
            .field("port", port)
            .finish_non_exhaustive()
    }
}
