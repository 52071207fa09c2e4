//! What one of Entra's error numbers means: cause, next step, and who takes it.

use std::fmt;

/// Who takes the next step.
#[expect(clippy::exhaustive_enums, reason = "these are the people there are")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The user: sign in, consent, pass a check.
    User,
    /// An administrator of the tenant: policies, accounts, consent for all, licences.
    Administrator,
    /// Whoever owns the app registration: credentials, permissions, federated credentials.
    AppOwner,
    /// The developer, or whoever configures the program.
    Developer,
    /// Nobody: it passes.
    Nobody,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "the user",
            Self::Administrator => "an administrator of the tenant",
            Self::AppOwner => "the owner of the app registration",
            Self::Developer => "the developer",
            Self::Nobody => "nobody",
        })
    }
}

/// What a number means, and what to do about it. `{}` prints `cause: fix`.
///
/// It explains and decides nothing: what the program does is decided by `error`, `suberror` and the
/// status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Diagnosis {
    number: u32,
    cause: &'static str,
    fix: &'static str,
    owner: Owner,
}

impl Diagnosis {
    /// A row of the table of numbers.
    pub const fn new(number: u32, owner: Owner, cause: &'static str, fix: &'static str) -> Self {
        Self { number, cause, fix, owner }
    }

    /// The AADSTS number.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// What went wrong, in a clause.
    pub const fn cause(&self) -> &'static str {
        self.cause
    }

    /// What to do about it, in a clause.
    pub const fn fix(&self) -> &'static str {
        self.fix
    }

    /// Who can do it.
    pub const fn owner(&self) -> Owner {
        self.owner
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.cause, self.fix)
    }
}
