//! Each server for real: does it answer, does it die, does it come back with what it had; and a proxy
//! that breaks a conversation in every way it knows.

// `cfg(test)` tells Clippy that what lies beside the tests is test code too.
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod servers;
