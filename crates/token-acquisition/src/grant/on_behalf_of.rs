//! The on-behalf-of grant: trade the token this API received for one to call the next API.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>

use entra_abstractions::{Scopes, UserAssertion};

use crate::wire::Form;

pub(crate) struct OnBehalfOf<'a> {
    pub(crate) assertion: &'a UserAssertion,
    pub(crate) scopes: &'a Scopes,
}

impl OnBehalfOf<'_> {
    pub(crate) const NAME: &'static str = "on_behalf_of";

    pub(crate) fn write(&self, form: &mut Form) {
        form.set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
        form.set("requested_token_use", "on_behalf_of");
        form.set_secret("assertion", self.assertion.token());
        form.set("scope", &super::user_scopes(self.scopes));
        form.set("client_info", "1");
    }
}
