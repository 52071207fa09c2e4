//! What the emulator remembers between requests: codes, refresh tokens, ended sessions, assertions that were seen.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use aws_lc_rs::rand;

use crate::guarded::Guarded;
use crate::jwt;

/// A sign-in that a code or a refresh token stands for.
#[derive(Clone)]
pub(crate) struct SignIn {
    pub(crate) client_id: String,
    pub(crate) tenant_id: String,
    pub(crate) user: String,
    pub(crate) scope: String,
    /// Authentication contexts the user has earned.
    pub(crate) contexts: Vec<String>,
    pub(crate) since: SystemTime,
}

/// What `/authorize` promised for a code.
#[derive(Clone)]
pub(crate) struct Code {
    pub(crate) sign_in: SignIn,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) redeemed: bool,
}

#[derive(Debug)]
pub(crate) struct Sessions {
    codes: Guarded<HashMap<String, Code>>,
    refresh: Guarded<HashMap<String, SignIn>>,
    ended: Guarded<HashMap<String, SystemTime>>,
    assertions: Guarded<HashSet<String>>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            codes: Guarded::new(HashMap::new()),
            refresh: Guarded::new(HashMap::new()),
            ended: Guarded::new(HashMap::new()),
            assertions: Guarded::new(HashSet::new()),
        }
    }
}

impl Sessions {
    pub(crate) fn new_code(&self, code: Code) -> String {
        let name = format!("1.A{}", random_text());
        self.codes.lock().insert(name.clone(), code);
        name
    }

    /// The code as it was before, and marks it as used.
    pub(crate) fn redeem(&self, name: &str) -> Option<Code> {
        let mut codes = self.codes.lock();
        let code = codes.get_mut(name)?;
        let before = code.clone();
        code.redeemed = true;
        Some(before)
    }

    pub(crate) fn new_refresh_token(&self, sign_in: SignIn) -> String {
        let name = format!("1.R{}", random_text());
        self.refresh.lock().insert(name.clone(), sign_in);
        name
    }

    pub(crate) fn refresh(&self, name: &str) -> Option<SignIn> {
        self.refresh.lock().get(name).cloned()
    }

    /// Ends every session of a user that began before now.
    pub(crate) fn end(&self, object_id: &str, at: SystemTime) {
        self.ended.lock().insert(object_id.to_owned(), at);
    }

    pub(crate) fn has_ended(&self, sign_in: &SignIn) -> bool {
        self.ended.lock().get(&sign_in.user).is_some_and(|&at| sign_in.since <= at)
    }

    /// Remembers an assertion's id; whether it came before.
    pub(crate) fn is_replay(&self, client_id: &str, jti: &str) -> bool {
        !self.assertions.lock().insert(format!("{client_id} {jti}"))
    }
}

/// 256 random bits, base64url.
pub(crate) fn random_text() -> String {
    jwt::encode(random::<32>())
}

#[expect(clippy::expect_used, reason = "fails only where the machine has no randomness")]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the machine has randomness");
    bytes
}
