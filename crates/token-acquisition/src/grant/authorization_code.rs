//! The authorization code grant with PKCE: the end of a sign-in (RFC 6749 section 4.1.3, RFC 7636).
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow>

use entra_abstractions::{Scopes, Secret};

use crate::wire::Form;

pub(crate) struct RedeemCode<'a> {
    pub(crate) code: &'a Secret,
    pub(crate) verifier: Option<&'a Secret>,
    pub(crate) redirect_uri: &'a str,
    pub(crate) scopes: &'a Scopes,
}

impl RedeemCode<'_> {
    pub(crate) const NAME: &'static str = "authorization_code";

    pub(crate) fn write(&self, form: &mut Form) {
        form.set("grant_type", "authorization_code");
        form.set_secret("code", self.code);
        form.set("redirect_uri", self.redirect_uri);
        if let Some(verifier) = self.verifier {
            form.set_secret("code_verifier", verifier);
        }
        form.set("scope", &super::user_scopes(self.scopes));
        form.set("client_info", "1");
    }
}
