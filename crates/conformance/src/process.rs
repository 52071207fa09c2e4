//! What the operating system says of this process: how much memory it has, how many files are open,
//! how long a thread was at work. Linux alone tells; elsewhere nothing is said.

use std::{fs, time::Duration};

/// Bytes of memory that are in use.
pub(crate) fn resident() -> Option<usize> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * page_size())
}

/// Files and connections that are open.
pub(crate) fn open_files() -> Option<usize> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count())
}

/// For how long this thread had a processor; whoever else uses the machine does not show in it.
pub(crate) fn at_work() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    return rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().ok();
    #[cfg(not(target_os = "linux"))]
    None
}

#[cfg(target_os = "linux")]
fn page_size() -> usize {
    rustix::param::page_size()
}

#[cfg(not(target_os = "linux"))]
fn page_size() -> usize {
    4_096
}
