//! Token errors as the SDK's: the words say who must act, and the whole error is the source.

use azure_core::error::{Error, ErrorKind};
use entra_abstractions::TokenError;

/// The SDK retries no error of this kind: the acquirer has done so already, where that helps.
pub(crate) fn of_credential(error: TokenError) -> Error {
    let words = format!("no token: {}", error.in_short());
    Error::with_error(ErrorKind::Credential, error, words)
}
