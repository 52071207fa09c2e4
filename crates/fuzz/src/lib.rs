#![doc = include_str!("../README.md")]

mod authority;
mod configuration;
mod connection_string;
mod http;
mod sealed_entry;
mod spelled;
mod www_authenticate;

pub use authority::authority;
pub use configuration::configuration;
pub use connection_string::connection_string;
pub use sealed_entry::sealed_entry;
pub use www_authenticate::www_authenticate;

/// What is done with an input; it panics where something does not hold.
pub type Target = fn(&[u8]);

/// The targets of the public API; a corpus lies behind each name.
pub const PUBLIC: [(&str, Target); 5] = [
    ("authority", authority),
    ("configuration", configuration),
    ("connection_string", connection_string),
    ("sealed_entry", sealed_entry),
    ("www_authenticate", www_authenticate),
];

/// The targets of rooms that only a build with `--cfg fuzzing` lets in; in the gate their corpus is
/// played by the tests of the crates they belong to.
#[cfg(fuzzing)]
pub const INNER: [(&str, Target); 4] = [
    ("certificate", entra_token_acquisition::fuzzing::certificate),
    ("host_answer", entra_token_acquisition::fuzzing::host_answer),
    ("jwt_header", entra_web_api::fuzzing::jwt_header),
    ("token_response", entra_token_acquisition::fuzzing::token_response),
];
