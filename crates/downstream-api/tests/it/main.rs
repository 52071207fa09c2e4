//! Calls over loopback to a server that remembers what it was sent, with tokens from a list.

#[cfg(test)]
#[cfg(feature = "middleware")]
mod bound;
#[cfg(test)]
mod building;
#[cfg(test)]
mod calling;
#[cfg(test)]
mod managed_identity;
#[cfg(all(test, feature = "middleware"))]
mod middleware;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod server;
#[cfg(test)]
mod subjects;
