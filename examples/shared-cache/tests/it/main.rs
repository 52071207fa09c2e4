//! Two instances of the web API, and one embedded Entra.

#[cfg(test)]
mod sharing;
