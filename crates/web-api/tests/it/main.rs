//! The validator over HTTP: keys as an authority serves them, requests as callers send them.

#[cfg(test)]
mod authorities;
#[cfg(test)]
mod bound;
#[cfg(test)]
mod entra;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod layer;
