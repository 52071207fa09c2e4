//! The steps of a story: what is asked, and what happens between two questions.

use std::{fs, sync::Arc};

use entra_abstractions::{
    AccessToken, AccountId, AgentId, AgentSubject, AgentUser, Claims, CorrelationId, Parameter, Place,
    Secret, SessionKey, Subject, TenantId, TokenError, TokenRequest, UserAssertion, testing::MemoryStore,
};
use entra_emulator::{Consent, Directory, Fault, ids};
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    super::kit::{CALLBACK, claims, scopes, who},
    Stage,
    surroundings::{Host, InVault, Known, Operation, Put},
};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// The application asks for itself.
    AsApp(Asked),
    /// It asks on behalf of this user, whose token is made now and kept for later steps.
    OnBehalfOf(Asked),
    /// It asks for the user whose session is kept under this key.
    ForSession(Asked),
    /// A session ends, by its key.
    EndSession(String),
    /// From now on there is a store that outlives a restart.
    SharedStore,
    /// Whether the store answers.
    StoreAnswers(bool),
    /// The process ends and begins.
    Restart,
    /// It asks for a user who signed in.
    ForAccount(Asked),
    /// An agent asks as its own user, by UPN or object id.
    AsAgentUser(Asked),
    /// A user signs in: a code is redeemed.
    SignIn(Asked),
    /// A refresh token that another library got is taken over.
    TakeOver(Asked),
    /// Both clocks go on, by seconds.
    Advance(u64),
    Consent(Consent),
    /// Whether the application's secrets are right.
    SecretsWork(bool),
    EndSessions(String),
    /// A file of the folder is replaced by a new assertion, which the user's own provider gives, too.
    NewAssertion(String),
    /// The user's own provider cannot be reached, until there is a new assertion.
    ProviderAway,
    Put(Put),
    Remove(String),
    Vault(InVault),
    VaultForbids(Vec<Operation>),
    /// The vault's certificate is deleted.
    VaultLoses,
    /// Entra trusts this certificate from now on, and no other.
    Register(Known),
    /// The process ends, and begins with what there is on these hosts.
    RunsOn(Vec<Host>),
    Faults(Vec<Fault>),
    /// Entra is well again.
    FaultsEnd,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    scopes: String,
    #[serde(default)]
    user: String,
    /// Which of the user's tokens: another number is another token.
    #[serde(default)]
    token: u32,
    /// Under which the session is kept, or was.
    key: Option<String>,
    /// The agent that asks.
    agent: Option<String>,
    /// An authentication context that the user has earned.
    context: Option<String>,
    tenant: Option<String>,
    claims: Option<Value>,
    #[serde(default)]
    force_refresh: bool,
    #[serde(default)]
    query: Map<String, Value>,
    /// So many callers at once.
    #[serde(default = "one")]
    callers: usize,
}

fn one() -> usize {
    1
}

/// The id under which every step asks: recordings do not differ by it.
const CORRELATION_ID: &str = "0c0ffee0-0000-4000-8000-000000000001";

impl Stage {
    /// Takes a step; for a question, what came of it, each different answer once.
    pub(super) async fn take(&self, step: &Step) -> Vec<Value> {
        let emulator = &self.kit.emulator;
        match step {
            Step::AsApp(asked) => return self.ask(asked, TokenRequest::as_app(scopes(&asked.scopes))).await,
            Step::OnBehalfOf(asked) => {
                let request = TokenRequest::on_behalf_of(scopes(&asked.scopes), &self.caller(asked));
                let request = match &asked.key {
                    Some(key) => request.keep_as(self.key(key)),
                    None => request,
                };
                return self.ask(asked, request).await;
            }
            Step::ForSession(asked) => {
                let key = self.key(asked.key.as_deref().unwrap());
                return self.ask(asked, TokenRequest::for_session(scopes(&asked.scopes), &key)).await;
            }
            Step::EndSession(key) => {
                let ended = self.engine().end_session(&self.key(key)).await;
                return vec![match ended {
                    Ok(ended) => json!({ "ended": ended }),
                    Err(error) => self.told(&error),
                }];
            }
            Step::SharedStore => {
                let clock = Arc::clone(&self.kit.clock);
                *self.store.lock().unwrap() = Some(Arc::new(MemoryStore::new(clock)));
                self.restart();
            }
            Step::StoreAnswers(true) => self.store.lock().unwrap().as_ref().unwrap().come_back(),
            Step::StoreAnswers(false) => self.store.lock().unwrap().as_ref().unwrap().go_away(),
            Step::Restart => self.restart(),
            Step::ForAccount(asked) => {
                let object_id = emulator.directory().user(&asked.user).unwrap().object_id.clone();
                let account = AccountId::new(&object_id, ids::TENANT).unwrap();
                return self.ask(asked, TokenRequest::for_account(scopes(&asked.scopes), account)).await;
            }
            Step::AsAgentUser(asked) => {
                let agent = AgentId::new(asked.agent.as_deref().unwrap()).unwrap();
                let user = AgentUser::try_from(&*asked.user).unwrap();
                let request = TokenRequest::as_agent_user(scopes(&asked.scopes), agent, user);
                return self.ask(asked, request).await;
            }
            Step::SignIn(asked) => {
                let (code, verifier) = self.kit.code(&asked.user, &asked.scopes).await;
                self.watch.secret(&code);
                self.watch.secret(verifier);
                let code =
                    entra_token_acquisition::AuthorizationCode::new(code, CALLBACK, scopes(&asked.scopes))
                        .verifier(verifier);
                self.watch.tell(&code);
                let signed_in = self.engine().redeem_code(code).await;
                self.watch.tell(&signed_in);
                return vec![self.seen(signed_in.map(|signed_in| signed_in.token))];
            }
            Step::TakeOver(asked) => {
                let token = self.kit.foreign_refresh_token(&asked.user, &asked.scopes).await;
                self.watch.secret(&token);
                let signed_in =
                    self.engine().redeem_refresh_token(Secret::new(token), scopes(&asked.scopes)).await;
                self.watch.tell(&signed_in);
                return vec![self.seen(signed_in.map(|signed_in| signed_in.token))];
            }
            Step::Advance(seconds) => self.kit.advance(*seconds),
            Step::Consent(consent) => emulator.edit(|directory| directory.consents.push(consent.clone())),
            Step::SecretsWork(work) => emulator.edit(|directory| {
                for (app, ready_made) in directory.apps.iter_mut().zip(Directory::default().apps) {
                    app.secrets = if *work { ready_made.secrets } else { Vec::new() };
                }
            }),
            Step::EndSessions(user) => emulator.end_sessions(user),
            Step::NewAssertion(file) => self.new_assertion(file),
            Step::ProviderAway => *self.provider.0.lock().unwrap() = None,
            Step::Put(put) => self.put(put),
            Step::Vault(put) => self.put_in_vault(put),
            Step::VaultForbids(operations) => self.vault_forbids(operations),
            Step::VaultLoses => emulator.key_vault().remove("app"),
            Step::Register(certificate) => self.register(*certificate),
            Step::RunsOn(hosts) => self.runs_on(hosts),
            Step::Remove(file) => fs::remove_file(self.folder.path().join(file)).unwrap(),
            Step::Faults(faults) => faults.iter().for_each(|fault| emulator.faults().add(fault.clone())),
            Step::FaultsEnd => emulator.faults().clear(),
        }
        Vec::new()
    }

    async fn ask(&self, asked: &Asked, mut request: TokenRequest) -> Vec<Value> {
        request.correlation_id = Some(CorrelationId::parse(CORRELATION_ID).unwrap());
        request.tenant = asked.tenant.as_ref().map(|tenant| TenantId::new(tenant).unwrap());
        request.claims = asked.claims.as_ref().map(|claims| Claims::new(&claims.to_string()).unwrap());
        request.force_refresh = asked.force_refresh;
        for (name, value) in &asked.query {
            request.parameters.push(Parameter::shaping(Place::Query, name, value.as_str().unwrap()));
        }
        if let Some(agent) = &asked.agent {
            let agent = AgentId::new(agent).unwrap();
            request.subject = match request.subject {
                Subject::App => Subject::Agent(agent, AgentSubject::App),
                Subject::User(user) => Subject::Agent(agent, AgentSubject::User(user)),
                other => other,
            };
        }
        self.watch.tell(&request);
        let tokens = self.asked();
        let answers = join_all((0..asked.callers).map(|_| tokens.acquire(&request))).await;
        let mut seen: Vec<Value> = answers.into_iter().map(|answer| self.seen(answer)).collect();
        seen.dedup();
        seen
    }

    fn caller(&self, asked: &Asked) -> UserAssertion {
        let scope = match asked.agent {
            Some(_) => format!("api://{}/access_agent", ids::BLUEPRINT),
            None => format!("api://{}/access_as_user", ids::API),
        };
        let mut callers = self.callers.lock().unwrap();
        let token = callers.entry((asked.user.clone(), asked.token)).or_insert_with(|| {
            let mint = self.kit.emulator.mint().user(&asked.user).scopes(&scope);
            match &asked.context {
                Some(context) => mint.claim("acrs", vec![context.as_str()]).build(),
                None => mint.build(),
            }
        });
        self.watch.secret(token);
        UserAssertion::new(token.as_str()).unwrap()
    }

    /// An answer, as far as it is the same in every play.
    fn seen(&self, answer: Result<AccessToken, TokenError>) -> Value {
        self.watch.tell(&answer);
        match answer {
            Ok(token) => {
                self.watch.secret(token.secret().expose());
                token.id_token().into_iter().for_each(|token| self.watch.secret(token.expose()));
                let mut kept = claims(&token);
                let told = ["aud", "appid", "azp", "oid", "tid", "scp", "roles", "xms_cc", "acrs"];
                kept.as_object_mut().unwrap().retain(|name, _| told.contains(&name.as_str()));
                let issued = claims(&token)["exp"].as_i64().unwrap() - 3_599 - self.began;
                kept["issued_after"] = json!(issued);
                json!({ "token": kept })
            }
            Err(error) => self.told(&error),
        }
    }

    fn told(&self, error: &TokenError) -> Value {
        self.watch.tell_error(error);
        let text = without_trace_id(&error.to_string())
            .replace(self.folder.path().to_str().unwrap(), "{folder}")
            .replace(self.kit.emulator.base_url(), "{emulator}");
        let mut told = json!({ "who": who(error), "says": text });
        // The engine makes one where none was given: what a sign-in is.
        if !text.contains(CORRELATION_ID) {
            told["says"] = json!(without_id(&text, ", correlation id "));
        }
        if let Some(challenge) = error.challenge() {
            told["claims"] = json!(challenge.claims().map(Claims::as_str));
            told["challenge"] = json!(challenge.to_challenge().to_string());
        }
        json!({ "error": told })
    }

    fn key(&self, text: &str) -> SessionKey {
        self.watch.secret(text);
        SessionKey::new(text).unwrap()
    }
}

/// Entra makes another one each time.
fn without_trace_id(text: &str) -> String {
    without_id(text, ", trace id ")
}

fn without_id(text: &str, name: &str) -> String {
    match text.split_once(name) {
        Some((before, after)) => format!("{before}{name}..{}", after.get(36..).unwrap_or_default()),
        None => text.to_owned(),
    }
}
