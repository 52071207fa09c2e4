//! Makes access tokens without a request: what a caller of an API under test would present, right or wrong.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use url::Url;

use crate::clock::unix;
use crate::directory::{App, Directory};
use crate::emulator::Emulator;
use crate::issue::{AccessToken, Proof, Subject};
use crate::jwt;
use crate::keys::{FOREIGN_KEY, SigningKey, WORKLOAD_KEY};
use crate::origin::Origin;
use crate::scope;

/// Builds an access token; without a word it is a good one.
///
/// ```
/// # use entra_emulator::{Emulator, ids};
/// # let emulator = Emulator::start_blocking()?;
/// let scope = format!("api://{}/access_as_user", ids::API);
/// let expired = emulator.mint().user("alice").scopes(&scope).expired().build();
/// let forged = emulator.mint().user("alice").scopes(&scope).signed_by_a_stranger().build();
/// let stepped_up = emulator.mint().user("alice").scopes(&scope).claim("acrs", vec!["c1"]).build();
/// # assert!(expired != forged && forged != stepped_up);
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is made before `build`"]
pub struct Mint<'e> {
    emulator: &'e Emulator,
    user: Option<String>,
    client: Option<String>,
    tenant: Option<String>,
    authority: Option<String>,
    scopes: String,
    roles: Option<Vec<String>>,
    version: Option<u8>,
    lifetime: Duration,
    shift: i64,
    stranger: bool,
    claims: Map<String, Value>,
    removed: Vec<String>,
}

impl<'e> Mint<'e> {
    pub(crate) fn new(emulator: &'e Emulator) -> Self {
        Self {
            emulator,
            user: None,
            client: None,
            tenant: None,
            authority: None,
            scopes: String::new(),
            roles: None,
            version: None,
            lifetime: Duration::from_secs(emulator.directory().lifetimes.access_token),
            shift: 0,
            stranger: false,
            claims: Map::new(),
            removed: Vec::new(),
        }
    }

    /// A user's token.
    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// An application's own token.
    pub fn app(mut self, client: &str) -> Self {
        self.user = None;
        self.client(client)
    }

    /// The client that got the token; `browser`, or the first public client, when not given.
    pub fn client(mut self, client: &str) -> Self {
        self.client = Some(client.to_owned());
        self
    }

    /// The tenant; the user's home, or the first one, when not given.
    pub fn tenant(mut self, tenant: &str) -> Self {
        self.tenant = Some(tenant.to_owned());
        self
    }

    /// The authority that issues it, where that is not the emulator's own address: a tenant of External ID, a user
    /// flow of Azure AD B2C, another host. Claims and issuer are those of its kind.
    ///
    /// ```
    /// # use entra_emulator::{Emulator, ids};
    /// # let emulator = Emulator::start_blocking()?;
    /// let authority = format!("https://fabrikam.b2clogin.com/{}/B2C_1_susi", ids::TENANT);
    /// let scope = format!("api://{}/access_as_user", ids::API);
    /// let token = emulator.mint().user("alice").scopes(&scope).authority(&authority).build();
    /// # assert_eq!(token.split('.').count(), 3);
    /// # Ok::<(), entra_emulator::StartError>(())
    /// ```
    pub fn authority(mut self, authority: &str) -> Self {
        self.authority = Some(authority.to_owned());
        self
    }

    /// The scopes, as in a request: they say which resource the token is for.
    pub fn scopes(mut self, scopes: &str) -> Self {
        scopes.clone_into(&mut self.scopes);
        self
    }

    /// The resource, where no scope says it: an identifier URI or a client id.
    pub fn resource(mut self, resource: &str) -> Self {
        self.scopes = format!("{resource}/.default");
        self
    }

    /// Roles, instead of those that the directory assigns.
    pub fn roles<'a>(mut self, roles: impl IntoIterator<Item = &'a str>) -> Self {
        self.roles = Some(roles.into_iter().map(str::to_owned).collect());
        self
    }

    /// A token of this version, 1 or 2, whatever the resource takes.
    pub fn version(mut self, version: u8) -> Self {
        self.version = Some(version);
        self
    }

    /// How long it is valid from now.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Ended an hour ago.
    pub fn expired(mut self) -> Self {
        self.shift = -i64::try_from(self.lifetime.as_secs()).unwrap_or(0) - 3600;
        self
    }

    /// Begins in an hour.
    pub fn not_yet_valid(mut self) -> Self {
        self.shift = 3900;
        self
    }

    /// Signed with a key that the emulator never publishes, under the name of the right one.
    pub fn signed_by_a_stranger(mut self) -> Self {
        self.stranger = true;
        self
    }

    /// Sets a claim, `aud` and `iss` included.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, name: &str) -> Self {
        self.removed.push(name.to_owned());
        self
    }

    /// The token.
    ///
    /// # Panics
    /// When the directory has no such user, client, tenant or resource: the test's own slip.
    #[expect(
        clippy::panic,
        reason = "a tool of tests: a name that is not in the directory is the test's bug"
    )]
    pub fn build(self) -> String {
        match self.made() {
            Ok(token) => token,
            Err(what) => panic!("the directory has no such {what}"),
        }
    }

    fn made(self) -> Result<String, String> {
        let directory = self.emulator.directory();
        let user = match &self.user {
            Some(name) => Some(directory.user(name).ok_or_else(|| format!("user: {name}"))?),
            None => None,
        };
        let tenant = match (&self.tenant, user) {
            (Some(name), _) => directory.tenant(name),
            (None, Some(user)) => directory.home(user),
            (None, None) => directory.tenants.first(),
        };
        let tenant = tenant.ok_or_else(|| "tenant".to_owned())?;
        let client = self.acting_client(&directory)?;
        let asked = scope::read(&self.scopes, &directory, tenant)
            .map_err(|refusal| format!("resource: {} (AADSTS{})", self.scopes, refusal.number()))?;
        let mut resource = asked.resource.clone();
        resource.access_token_version = self.version.unwrap_or(resource.access_token_version);
        let roles = self.roles.clone().unwrap_or_else(|| directory.assigned_roles(client, &resource));
        let permissions = match user {
            Some(user) if asked.is_default => directory.consented_scopes(client, &resource, user),
            _ => asked.permissions.clone(),
        };
        let subject = match user {
            Some(user) => Subject::User { user, permissions: &permissions, contexts: &[] },
            None => Subject::App { roles: &roles },
        };
        let token = AccessToken {
            tenant,
            resource: &resource,
            written: &asked.written,
            client,
            blueprint: directory.blueprint(client),
            proof: if client.public { Proof::Nothing } else { Proof::Secret },
            subject,
            capabilities: Vec::new(),
            lifetime: self.lifetime,
        };
        let mut claims = token.claims(&self.origin()?, self.emulator.clock().now());
        for name in ["iat", "nbf", "exp"] {
            if let Some(at) = claims.get(name).and_then(Value::as_i64) {
                claims.insert(name.to_owned(), json!(at + self.shift));
            }
        }
        if let (Some(roles), Some(_)) = (&self.roles, user) {
            claims.insert("roles".to_owned(), json!(roles));
        }
        claims.extend(self.claims);
        claims.retain(|name, _| !self.removed.contains(name));
        let key = self.emulator.realm().keys.lock().current();
        Ok(if self.stranger {
            jwt::sign(&SigningKey::from_pem(FOREIGN_KEY).called(key.id()), &claims)
        } else {
            jwt::sign(&key, &claims)
        })
    }

    fn origin(&self) -> Result<Origin, String> {
        let Some(authority) = &self.authority else { return Ok(self.emulator.origin()) };
        let url = Url::parse(authority).map_err(|error| format!("authority: {authority} ({error})"))?;
        Ok(Origin::new(url.scheme(), url.authority()).below(url.path()))
    }

    fn acting_client<'d>(&self, directory: &'d Directory) -> Result<&'d App, String> {
        match &self.client {
            Some(name) => directory.app(name).ok_or_else(|| format!("app: {name}")),
            None => directory
                .app("browser")
                .or_else(|| directory.apps.iter().find(|app| app.public))
                .or_else(|| directory.apps.first())
                .ok_or_else(|| "app at all".to_owned()),
        }
    }
}

/// A token of an issuer outside Entra, valid for an hour.
pub(crate) fn workload_assertion(directory: &Directory, now: SystemTime, subject: &str) -> String {
    let issuer =
        directory.issuers.iter().find(|issuer| issuer.jwks.is_none()).map(|issuer| issuer.issuer.as_str());
    let now = unix(now);
    let claims = json!({
        "iss": issuer, "sub": subject, "aud": "api://AzureADTokenExchange",
        "iat": now, "nbf": now, "exp": now + 3600, "jti": uuid::Uuid::new_v4().to_string(),
    });
    jwt::sign(&SigningKey::from_pem(WORKLOAD_KEY), &claims)
}
