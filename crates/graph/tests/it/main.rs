//! The client against the emulator's small Graph, with tokens of the emulator's Entra.

// `cfg(test)` tells Clippy that what lies beside the tests is test code too.
#[cfg(test)]
mod batches;
#[cfg(test)]
mod building;
#[cfg(test)]
mod calling;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod uploads;
