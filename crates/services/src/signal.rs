//! Signals to a process and to all that descend from it.
//!
//! PostgreSQL serves each connection with a process in a group of its own: to stop only the first one
//! would leave open connections alive.

/// What a process is told.
#[derive(Clone, Copy)]
pub(crate) enum Tell {
    Stop,
    Continue,
    Kill,
}

/// Tells a process and its descendants, and returns who was told.
pub(crate) fn tell_all(root: u32, what: Tell) -> Vec<u32> {
    // Who is stopped bears no more children, and who is killed has none that could be found.
    if !matches!(what, Tell::Continue) {
        tell(root, Tell::Stop);
    }
    let mut told = descendants(root);
    told.push(root);
    for process in &told {
        tell(*process, what);
    }
    told
}

#[cfg(unix)]
fn tell(process: u32, what: Tell) {
    use rustix::process::{Pid, Signal, kill_process};

    let signal = match what {
        Tell::Stop => Signal::STOP,
        Tell::Continue => Signal::CONT,
        Tell::Kill => Signal::KILL,
    };
    if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // Who has ended by itself needs no telling.
        let _ = kill_process(process, signal);
    }
}

/// No server is started on Windows.
#[cfg(not(unix))]
fn tell(_: u32, _: Tell) {}

fn descendants(root: u32) -> Vec<u32> {
    let all = processes();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(all.iter().filter(|(_, of)| *of == parent).map(|(process, _)| *process));
        at += 1;
    }
    found.split_off(1)
}

/// All processes and their parents.
#[cfg(target_os = "linux")]
fn processes() -> Vec<(u32, u32)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // `pid (name) state parent ..`; the name may hold anything.
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            Some((process, parent))
        })
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn processes() -> Vec<(u32, u32)> {
    let output = std::process::Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let pair = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    text.lines().filter_map(pair).collect()
}
