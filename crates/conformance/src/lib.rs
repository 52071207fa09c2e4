//! Plays recordings and foreign clients against the public API of entra-rs.
