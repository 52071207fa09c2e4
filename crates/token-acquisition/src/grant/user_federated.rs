//! The `user_fic` grant: an agent's token (as a federated credential) becomes its user's token.
//! <https://learn.microsoft.com/entra/agent-id/identity-platform/agent-user-oauth-flow>

use entra_abstractions::{AgentUser, Scopes, SecretRef};

use crate::wire::Form;

pub(crate) struct UserFederated<'a> {
    pub(crate) credential: SecretRef<'a>,
    pub(crate) user: &'a AgentUser,
    pub(crate) scopes: &'a Scopes,
}

impl UserFederated<'_> {
    pub(crate) const NAME: &'static str = "user_fic";

    pub(crate) fn write(&self, form: &mut Form) {
        form.set("grant_type", "user_fic");
        form.set_secret("user_federated_identity_credential", self.credential);
        match self.user {
            AgentUser::Upn(name) => form.set("username", name.as_str()),
            AgentUser::ObjectId(id) => form.set("user_id", id.as_str()),
        }
        form.set("scope", &super::user_scopes(self.scopes));
        form.set("client_info", "1");
    }
}
