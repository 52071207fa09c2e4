//! The emulator from outside: every grant, every refusal, over real sockets.

// `cfg(test)` tells Clippy that what lies beside the tests is test code too.
#[cfg(test)]
mod agents;
#[cfg(test)]
mod apis;
#[cfg(test)]
mod assertions;
#[cfg(test)]
mod client_credentials;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod https;
#[cfg(test)]
mod key_vault;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod log;
#[cfg(test)]
mod managed_identity;
#[cfg(test)]
mod on_behalf_of;
#[cfg(test)]
mod sign_in;
