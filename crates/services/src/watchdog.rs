//! Ends a server and clears its folder when the program that started it dies without a chance to.
//!
//! A small shell waits for the end of its standard input, which comes with the death of its parent,
//! however it died. (The signal that Linux has for this comes when the starting *thread* ends.)

use std::{
    io::Write as _,
    process::{Child, Command, Stdio},
};

use crate::{Failure, folder::Folder};

/// Each line replaces the processes that are to be killed.
const SCRIPT: &str =
    r#"while read -r line; do those=$line; done; [ -n "$those" ] && kill -9 $those; rm -rf -- "$1""#;

pub(crate) struct Watchdog(Child);

impl Watchdog {
    pub(crate) fn over(folder: &Folder) -> Result<Self, Failure> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh"]).arg(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        folder.disguise(&mut command);
        let child = command.spawn();
        child.map(Self).map_err(|error| Failure::new(format!("sh could not be started: {error}")))
    }

    /// These processes, and no others.
    pub(crate) fn watch(&mut self, processes: &[u32]) {
        let line: Vec<_> = processes.iter().map(u32::to_string).collect();
        if let Some(input) = &mut self.0.stdin {
            // A watchdog that somebody killed watches no more; the server is ended on drop all the same.
            let _ = writeln!(input, "{}", line.join(" "));
        }
    }
}

impl Drop for Watchdog {
    /// Its work is done by who drops it.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
