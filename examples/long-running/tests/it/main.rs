//! The example as its users see it, against an Entra on loopback.

#[cfg(test)]
mod work;
