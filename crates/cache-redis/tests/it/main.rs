//! The store against real servers, and what its section says.
#![expect(clippy::unwrap_used, reason = "what a test prepares is there, or the test has failed")]

mod section;
mod servers;
