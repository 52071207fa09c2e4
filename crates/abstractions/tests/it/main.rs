//! What holds for every value of the types that all crates share.

#[cfg(test)]
mod authority;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod scopes;
#[cfg(test)]
mod session_key;
