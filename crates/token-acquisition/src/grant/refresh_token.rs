//! The refresh token grant: a user's next token, without the user (RFC 6749 section 6).

use entra_abstractions::{Scopes, Secret};

use crate::wire::Form;

pub(crate) struct RefreshToken<'a> {
    pub(crate) token: &'a Secret,
    pub(crate) scopes: &'a Scopes,
}

impl RefreshToken<'_> {
    pub(crate) const NAME: &'static str = "refresh_token";

    pub(crate) fn write(&self, form: &mut Form) {
        form.set("grant_type", "refresh_token");
        form.set_secret("refresh_token", self.token);
        form.set("scope", &super::user_scopes(self.scopes));
        form.set("client_info", "1");
    }
}
