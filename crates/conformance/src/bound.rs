//! What calls with bound tokens are judged by: an API over TLS that asks its clients for certificates and
//! counts their handshakes, and an application whose certificate is renewed.

mod application;
#[cfg(test)]
mod challenged;
#[cfg(test)]
mod configured;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod refusals;
mod rotation;
mod secured;
#[cfg(test)]
mod shown;
#[cfg(test)]
mod thief;

pub(crate) use application::{Night, mint};
pub(crate) use rotation::{Rotation, rotate};
pub(crate) use secured::{Secured, Speaks};
