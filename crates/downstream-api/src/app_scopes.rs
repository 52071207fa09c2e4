//! What an application asks for, where scopes were written with its users in mind.

use entra_abstractions::{AgentSubject, Misconfigured, Scopes, Subject};

/// Whether a subject is an application: its tokens are for a resource's `/.default`, never for
/// delegated scopes.
pub(crate) fn is_app(subject: &Subject) -> bool {
    match subject {
        Subject::App | Subject::Agent(_, AgentSubject::App) | Subject::ManagedIdentity(_) => true,
        Subject::User(_) | Subject::Agent(_, AgentSubject::User(_) | AgentSubject::AgentUser(_)) => false,
    }
}

/// Refuses scopes that no application's token can have, naming the one it could.
pub(crate) fn check(scopes: &Scopes) -> Result<(), Misconfigured> {
    // One `/.default`, as nearly always, is of one resource.
    if scopes.iter().len() == 1 && scopes.are_default() {
        return Ok(());
    }
    let default = scopes.to_default()?;
    if scopes.are_default() {
        return Ok(());
    }
    Err(Misconfigured::new(format!("an application cannot have a token for {scopes}"))
        .hint(format!("ask for {default}, or call as a user")))
}
