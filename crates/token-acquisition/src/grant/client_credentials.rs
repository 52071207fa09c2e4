//! The client credentials grant: the application's own token (RFC 6749 section 4.4).
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use entra_abstractions::{FmiPath, Scopes};

use crate::wire::Form;

pub(crate) struct ClientCredentials<'a> {
    pub(crate) scopes: &'a Scopes,
    pub(crate) fmi_path: Option<&'a FmiPath>,
}

impl ClientCredentials<'_> {
    pub(crate) const NAME: &'static str = "client_credentials";

    pub(crate) fn write(&self, form: &mut Form) {
        form.set("grant_type", "client_credentials");
        form.set("scope", self.scopes.as_str());
        // MSAL asks for the application's properties with 2; nothing here depends on the answer.
        form.set("client_info", "2");
        if let Some(path) = self.fmi_path {
            form.set("fmi_path", path.as_str());
        }
    }
}
