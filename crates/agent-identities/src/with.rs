//! How a request says that an agent asks: two methods on whatever carries a request.

use entra_abstractions::{AgentId, AgentSubject, AgentUser, Misconfigured, Subject, TokenRequest};

/// Says which agent asks, on every builder that carries a [`TokenRequest`]: the request itself, a
/// downstream API's caller, the options of the HTTP middleware.
///
/// What cannot be done is not lost: the call returns it, as an error of the kind `Misconfigured`.
pub trait WithAgentIdentity: AsMut<TokenRequest> + Sized {
    /// Asks as this agent: for its own token where the application's was asked for (an autonomous
    /// agent), on behalf of the user where a user's was (an interactive agent).
    #[doc(alias = "WithAgentIdentity")]
    #[must_use]
    fn with_agent_identity(mut self, agent: impl TryInto<AgentId, Error: Into<Misconfigured>>) -> Self {
        let request = self.as_mut();
        match agent.try_into() {
            Ok(agent) => {
                let subject = match std::mem::replace(&mut request.subject, Subject::App) {
                    Subject::App => AgentSubject::App,
                    Subject::User(user) => AgentSubject::User(user),
                    Subject::Agent(_, subject) => subject,
                    Subject::ManagedIdentity(id) => {
                        request.subject = Subject::ManagedIdentity(id);
                        refuse(request, managed_identity_is_no_agent());
                        return self;
                    }
                };
                request.subject = Subject::Agent(agent, subject);
            }
            Err(fault) => refuse(request, fault),
        }
        self
    }

    /// Asks as this agent's own user account, whoever called.
    ///
    /// An application's token is not a user's: on a request for one this is refused. Begin with
    /// `as_agent_user` where no user called.
    #[doc(alias = "WithAgentUserIdentity")]
    #[must_use]
    fn with_agent_user(
        mut self,
        agent: impl TryInto<AgentId, Error: Into<Misconfigured>>,
        user: impl TryInto<AgentUser, Error: Into<Misconfigured>>,
    ) -> Self {
        let request = self.as_mut();
        match (agent.try_into(), user.try_into()) {
            (Ok(_), Ok(_))
                if matches!(request.subject, Subject::App | Subject::Agent(_, AgentSubject::App)) =>
            {
                let fault =
                    Misconfigured::new("an application's token was asked for, but an agent's user was named")
                        .hint(
                            "begin with as_agent_user, or ask with_agent_identity for the agent's own token",
                        );
                refuse(request, fault);
            }
            (Ok(_), Ok(_)) if matches!(request.subject, Subject::ManagedIdentity(_)) => {
                refuse(request, managed_identity_is_no_agent());
            }
            (Ok(agent), Ok(user)) => request.subject = Subject::Agent(agent, AgentSubject::AgentUser(user)),
            (Err(fault), _) => refuse(request, fault),
            (_, Err(fault)) => refuse(request, fault),
        }
        self
    }
}

impl<T: AsMut<TokenRequest>> WithAgentIdentity for T {}

fn refuse(request: &mut TokenRequest, fault: impl Into<Misconfigured>) {
    request.refused.get_or_insert_with(|| fault.into());
}

fn managed_identity_is_no_agent() -> Misconfigured {
    Misconfigured::new("a managed identity's token was asked for, but an agent was named").hint(
        "an agent acts under its blueprint: ask as the application, which may prove itself by the managed identity",
    )
}

#[cfg(test)]
mod tests {
    use entra_abstractions::{ManagedIdentityId, Scopes, User, UserAssertion};

    use super::*;

    fn scopes() -> Scopes {
        Scopes::try_from("api://orders/.default").unwrap()
    }

    #[test]
    fn an_agent_takes_the_subjects_place() {
        let request = TokenRequest::as_app(scopes()).with_agent_identity("agent");
        assert!(matches!(request.subject, Subject::Agent(_, AgentSubject::App)));

        let user = UserAssertion::new("a.b.c").unwrap();
        let request = TokenRequest::on_behalf_of(scopes(), &user).with_agent_identity("agent");
        assert!(matches!(&request.subject, Subject::Agent(_, AgentSubject::User(User::OnBehalfOf(_)))));

        let request = request.with_agent_user("agent", "o'hara@contoso.example");
        assert!(matches!(&request.subject, Subject::Agent(_, AgentSubject::AgentUser(AgentUser::Upn(_)))));
        assert!(request.refused.is_none());
    }

    #[test]
    fn what_cannot_be_is_kept_as_a_refusal() {
        let empty = TokenRequest::as_app(scopes()).with_agent_identity(" ");
        assert!(empty.refused.unwrap().to_string().starts_with("the agent id is empty"));

        let placeholder = TokenRequest::as_app(scopes()).with_agent_identity("<your-agent-identity>");
        assert!(placeholder.refused.unwrap().to_string().contains("placeholder"));

        let app = TokenRequest::as_app(scopes()).with_agent_user("agent", "bob@contoso.example");
        assert!(app.refused.unwrap().to_string().starts_with("an application's token was asked for"));

        let host = TokenRequest::as_managed_identity(scopes(), ManagedIdentityId::System);
        for refused in
            [host.clone().with_agent_identity("agent"), host.with_agent_user("agent", "bob@contoso.example")]
        {
            assert!(refused.refused.unwrap().to_string().starts_with("a managed identity's token"));
        }

        let user = UserAssertion::new("a.b.c").unwrap();
        let nobody = TokenRequest::on_behalf_of(scopes(), &user).with_agent_user("agent", "");
        assert!(nobody.refused.is_some());
    }
}
