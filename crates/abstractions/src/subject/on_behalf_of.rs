//! The user who called this API, and whether their session outlives the call.

use crate::{SessionKey, UserAssertion};

/// On behalf of the user who called this API: by the access token with which they called.
///
/// ```
/// use entra_abstractions::{OnBehalfOf, SessionKey, UserAssertion};
///
/// let assertion = UserAssertion::new("eyJ0eXAi.eyJ0aWQi.c2ln")?;
/// let key = SessionKey::allocate();
/// let user = OnBehalfOf::new(assertion).keep_as(key.clone());
/// assert_eq!(user.keep_as, Some(key));
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[expect(clippy::exhaustive_structs, reason = "a new field must fail to compile where keys are made")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OnBehalfOf {
    /// The user's access token for this API.
    pub assertion: UserAssertion,
    /// The session that begins with this call, where one does.
    pub keep_as: Option<SessionKey>,
}

impl OnBehalfOf {
    /// For as long as the user's token is valid.
    pub fn new(assertion: UserAssertion) -> Self {
        Self { assertion, keep_as: None }
    }

    /// Keeps the user's session under this key, for work that goes on when their token has ended:
    /// from then on [`User::Session`](crate::User::Session) gets tokens, for any scopes.
    #[doc(alias = "InitiateLongRunningProcessInWebApi")]
    #[must_use]
    pub fn keep_as(mut self, key: SessionKey) -> Self {
        self.keep_as = Some(key);
        self
    }
}

impl From<UserAssertion> for OnBehalfOf {
    fn from(assertion: UserAssertion) -> Self {
        Self::new(assertion)
    }
}
