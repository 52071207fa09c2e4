//! Stores in files and on servers, through the public API.

#[cfg(test)]
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod servers;
#[cfg(test)]
#[cfg(feature = "sqlite")]
mod sqlite;
