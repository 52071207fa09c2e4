//! One fetch: from a plan to a token that is kept. Runs inside a flight, so once for each key.

mod keep;

use std::{
    hash::{DefaultHasher, Hasher},
    sync::Arc,
};

use entra_abstractions::{
    AccessToken, AccountId, AgentUser, AssertionContext, AuthorityKind, Claims, Exchange, Place, Scheme,
    Scopes, Secret, TokenError, TokenRequest, Unavailable, UserAssertion,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tracing::Instrument;

use crate::{
    acquirer::TokenAcquirer,
    cache::{AnsweredBy, Cache, Cached},
    credential::{Attempts, Proof},
    endpoint::TokenEndpoints,
    flight,
    grant::{ClientCredentials, Grant, OnBehalfOf, RedeemCode, RefreshToken, UserFederated},
    managed_identity,
    plan::Plan,
    refresh::{self, RefreshRecord},
    second_level::{self, Findings},
    session,
    sign_in::AuthorizationCode,
    telemetry::{self, Asked},
    wire::{Form, Granted, Post},
};

pub(crate) use keep::{keep, keep_token};

/// Why a flight was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Somebody has no token.
    Fetch,
    /// The token at hand gets old.
    Refresh,
}

/// The scope under which tokens are issued that serve as assertions for another exchange.
/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>
pub const TOKEN_EXCHANGE_SCOPE: &str = "api://AzureADTokenExchange/.default";

/// What the store has, those who wait look for themselves, as long as one of them is awake. To ask
/// Entra takes longer, so that is a task of its own.
pub(crate) async fn fetch(
    engine: TokenAcquirer,
    plan: Arc<Plan>,
    purpose: Purpose,
    asked: Option<Asked>,
    seen: Option<Findings>,
) -> Result<AccessToken, TokenError> {
    let until = Instant::now() + engine.deadline();
    let tell = |by| {
        if let Some(asked) = asked {
            asked.tell(engine.metrics(), by);
        }
    };
    let writes = engine.cache().writes();
    if let Some(token) = landed_meanwhile(engine.cache(), &plan, purpose) {
        tell(AnsweredBy::Flight);
        return Ok(token);
    }
    let mut found = second_level::find(&engine, &plan, purpose, until, seen, writes).await;
    if let Some(token) = found.token.take() {
        tell(AnsweredBy::Store);
        return Ok(token);
    }
    tell(AnsweredBy::Entra);
    ask_apart(engine, plan, until, found).await.unwrap_or_else(|_stopped| Err(flight::lost()))
}

/// Begins to ask, in a function of its own: what is found in the store needs no room for it.
#[cold]
fn ask_apart(
    engine: TokenAcquirer,
    plan: Arc<Plan>,
    until: Instant,
    found: Findings,
) -> JoinHandle<Result<AccessToken, TokenError>> {
    let asking = async move { ask_in_time(&engine, &plan, until, found).await };
    tokio::spawn(asking.in_current_span())
}

/// Asks, and lets the others know what came of it. Whatever hangs in it, a user's own provider
/// included, ends with the flight's time: else its key would be lost until the process ends.
async fn ask_in_time(
    engine: &TokenAcquirer,
    plan: &Plan,
    until: Instant,
    found: Findings,
) -> Result<AccessToken, TokenError> {
    // What is wrong with it, the fetch will say.
    let host = engine.host_asked(plan).unwrap_or_default();
    telemetry::asking(&host);
    let asking = async { found.settle(ask(engine, plan).await).await };
    timeout_at(until, asking).await.unwrap_or_else(|_elapsed| {
        let exchange = Exchange::new(plan.grant.name(), host)
            .with_client(engine.identity().client.clone())
            .with_correlation_id(plan.correlation_id);
        let error = TokenError::from(Unavailable::new(exchange, "no token in time"));
        engine.cache().failed(&plan.key, &error);
        Err(error)
    })
}

/// Somebody else's flight may have landed while this one was made ready.
fn landed_meanwhile(cache: &Cache, plan: &Plan, purpose: Purpose) -> Option<AccessToken> {
    if !plan.is_write_only() {
        return match (cache.get(&plan.key.as_ref()), purpose) {
            (Cached::Fresh(token), _) | (Cached::Aging(token, _), Purpose::Fetch) => Some(token),
            _ => None,
        };
    }
    let refused = plan.replaces.filter(|_| !plan.force_refresh)?;
    cache.instead_of(&plan.key.as_ref(), refused, plan.claims.as_ref())
}

async fn ask(engine: &TokenAcquirer, plan: &Plan) -> Result<AccessToken, TokenError> {
    let cache = engine.cache();
    // Before any work on credentials: where Entra asked to wait, even a signature is wasted.
    if let Some(error) = cache.paused(&plan.key) {
        telemetry::paused(
            &plan.key.as_ref(),
            error.exchange().and_then(Exchange::retry_after).unwrap_or_default(),
        );
        return Err(error);
    }
    let result = grant(engine, plan).await.map_err(|error| in_leg(engine, plan, error));
    if let Err(error) = &result {
        cache.failed(&plan.key, error);
    }
    result
}

/// Asks for a token, and keeps it.
async fn grant(engine: &TokenAcquirer, plan: &Plan) -> Result<AccessToken, TokenError> {
    let granted = match &plan.grant {
        Grant::ClientCredentials => client_credentials(engine, plan).await?,
        Grant::OnBehalfOf(assertion) => on_behalf_of(engine, plan, assertion).await?,
        Grant::Account(account) => account_user(engine, plan, account).await?,
        Grant::AgentUser(user) => agent_user(engine, plan, user).await?,
        Grant::ManagedIdentity(id) => managed_identity::grant(engine, plan, id).await?,
        // What is kept of a session is kept with care.
        Grant::Keep { assertion, session } => return session::begin(engine, plan, assertion, session).await,
        Grant::Session(session) => return session::renew(engine, plan, session).await,
    };
    // A challenge that was met meanwhile left the better token.
    if let (false, Cached::Fresh(token)) = (plan.is_write_only(), engine.cache().get(&plan.key.as_ref())) {
        return Ok(token);
    }
    keep(engine, plan, granted)
}

async fn client_credentials(engine: &TokenAcquirer, plan: &Plan) -> Result<Granted, TokenError> {
    let mut form = Form::default();
    ClientCredentials { scopes: &plan.scopes, fmi_path: plan.fmi_path.as_ref() }.write(&mut form);
    post(engine, plan, ClientCredentials::NAME, form, None).await
}

pub(crate) async fn on_behalf_of(
    engine: &TokenAcquirer,
    plan: &Plan,
    assertion: &UserAssertion,
) -> Result<Granted, TokenError> {
    let mut form = Form::default();
    OnBehalfOf { assertion, scopes: &plan.scopes }.write(&mut form);
    post(engine, plan, OnBehalfOf::NAME, form, None).await
}

async fn account_user(
    engine: &TokenAcquirer,
    plan: &Plan,
    account: &AccountId,
) -> Result<Granted, TokenError> {
    let mut record = refresh::of_account(engine, plan).await?;
    let mut answer = renew(engine, plan, record.token(), Some(account)).await;
    // Another instance may have redeemed it meanwhile, and ended this token by it.
    if is_refused(&answer)
        && let Some(newer) = refresh::newer(engine, plan, &record).await
    {
        record = newer;
        answer = renew(engine, plan, record.token(), Some(account)).await;
    }
    forget_dead(engine, plan, &record, &answer).await;
    answer
}

/// By the refresh token at hand; where there is none, or it is refused, by federation again.
async fn agent_user(engine: &TokenAcquirer, plan: &Plan, user: &AgentUser) -> Result<Granted, TokenError> {
    let record = if plan.force_refresh { None } else { refresh::of_agent_user(engine, plan).await };
    if let Some(record) = record {
        let answer = renew(engine, plan, record.token(), record.account()).await;
        forget_dead(engine, plan, &record, &answer).await;
        match answer {
            // What needs consent or a further check needs it by federation, too.
            Err(TokenError::Rejected(error))
                if error.claims().is_none()
                    && error.exchange().error() == Some("invalid_grant")
                    && !error.exchange().is_about_consent() =>
            {
                telemetry::federating_again(plan.correlation_id);
            }
            settled => return settled,
        }
    }
    let exchange = TokenRequest::as_app(Scopes::try_from(TOKEN_EXCHANGE_SCOPE)?)
        .tenant(plan.tenant.clone())
        .correlation_id(plan.correlation_id);
    let credential = engine.acquire_detached(&exchange).await?;
    let mut form = Form::default();
    UserFederated { credential: credential.secret(), user, scopes: &plan.scopes }.write(&mut form);
    let hint = match user {
        AgentUser::Upn(name) => format!("upn:{}", name.as_str()),
        AgentUser::ObjectId(id) => format!("oid:{id}@{}", plan.tenant),
    };
    post(engine, plan, UserFederated::NAME, form, Some(hint)).await
}

/// Says which leg of an agent's exchange failed, and for whom. A leg before it has said so itself.
fn in_leg(engine: &TokenAcquirer, plan: &Plan, error: TokenError) -> TokenError {
    let client = &engine.identity().client;
    if client == engine.application().client_id() {
        return error;
    }
    error.in_leg(match &plan.grant {
        Grant::ClientCredentials if plan.scopes.as_str() == TOKEN_EXCHANGE_SCOPE => {
            format!("leg two: agent {client} asks to stand in for its user")
        }
        Grant::ClientCredentials => format!("leg two: agent {client} asks for its own token"),
        Grant::OnBehalfOf(_) | Grant::Account(_) | Grant::Keep { .. } | Grant::Session(_) => {
            format!("leg two: agent {client} asks on behalf of a user")
        }
        Grant::AgentUser(_) => format!("leg three: agent {client} becomes its user"),
        Grant::ManagedIdentity(_) => format!("agent {client} asks as its host"),
    })
}

/// Redeems a refresh token, of this user where it is known of whom.
pub(crate) async fn renew(
    engine: &TokenAcquirer,
    plan: &Plan,
    token: &Secret,
    account: Option<&AccountId>,
) -> Result<Granted, TokenError> {
    let mut form = Form::default();
    RefreshToken { token, scopes: &plan.scopes }.write(&mut form);
    post(engine, plan, RefreshToken::NAME, form, account.map(routing_hint)).await
}

/// Whether it is the refresh token that is refused. Where consent or a further check is missing it is
/// still good: for other APIs at once, for this one afterwards.
pub(crate) fn is_refused(answer: &Result<Granted, TokenError>) -> bool {
    let Err(TokenError::InteractionRequired(error)) = answer else { return false };
    let exchange = error.exchange();
    exchange.error() == Some("invalid_grant")
        && error.claims().is_none()
        && !error.is_consent_required()
        && matches!(exchange.suberror(), None | Some("bad_token" | "token_expired"))
}

/// Of a dead refresh token Entra says so; of other refusals the administrator may think better.
pub(crate) fn is_dead(error: &TokenError) -> bool {
    let suberror = error.exchange().and_then(Exchange::suberror);
    matches!(suberror, Some("bad_token" | "token_expired"))
}

async fn forget_dead(
    engine: &TokenAcquirer,
    plan: &Plan,
    record: &RefreshRecord,
    answer: &Result<Granted, TokenError>,
) {
    if answer.as_ref().is_err_and(is_dead) {
        refresh::forget(engine, plan, record).await;
    }
}

/// Redeems the code of a sign-in: the token that comes is kept for the account that it names.
pub(crate) async fn redeem(
    engine: &TokenAcquirer,
    plan: &Plan,
    code: &AuthorizationCode,
) -> Result<Granted, TokenError> {
    let mut form = Form::default();
    RedeemCode {
        code: &code.code,
        verifier: code.verifier.as_ref(),
        redirect_uri: &code.redirect_uri,
        scopes: &plan.scopes,
    }
    .write(&mut form);
    post(engine, plan, RedeemCode::NAME, form, code.account.as_ref().map(routing_hint)).await
}

fn routing_hint(account: &AccountId) -> String {
    format!("oid:{}@{}", account.uid(), account.utid())
}

async fn post(
    engine: &TokenAcquirer,
    plan: &Plan,
    grant: &'static str,
    mut form: Form,
    routing_hint: Option<String>,
) -> Result<Granted, TokenError> {
    let identity = engine.identity();
    let TokenEndpoints { plain: mut url, mtls } = engine.token_endpoints(plan).await?;
    let is_bound = plan.scheme == Scheme::MtlsPop;
    let mut mtls = if is_bound { Some(mtls?) } else { mtls.ok() };
    // The assertion's audience is the endpoint itself, whatever is asked along in the query.
    let mut context = AssertionContext::new(identity.client.clone(), url.as_str(), plan.correlation_id);
    context.mtls_endpoint = mtls.as_ref().map(|url| url.as_str().into());
    context.is_bound = is_bound;
    context.tenant = Some(plan.tenant.clone());
    context.client_claims.clone_from(&plan.client_claims);
    context.force_refresh = false;
    let mut attempts = Attempts::new(engine.credentials(), &context, engine.now());
    let proof = attempts.first().await?;

    if matches!(engine.application().authority().kind(), AuthorityKind::Adfs | AuthorityKind::Oidc) {
        // Entra's own word; who signed in is told by the id token elsewhere.
        // Unlike .NET: it sends it to every server, and leaves it to each to pass it over.
        form.remove("client_info");
    }
    form.set("client_id", identity.client.as_str());
    if let Some(claims) = Claims::with_capabilities(plan.claims.as_ref(), engine.application().capabilities())
    {
        form.set("claims", claims.as_str());
    }
    let configured = engine.application().query_parameters();
    let replaced = |name: &str| {
        plan.parameters.iter().any(|own| own.place() == Place::Query && own.name().eq_ignore_ascii_case(name))
    };
    let mut append = |name: &str, value: &str| {
        for url in [Some(&mut url), mtls.as_mut()].into_iter().flatten() {
            url.query_pairs_mut().append_pair(name, value);
        }
    };
    for (name, value) in configured.iter().filter(|(name, _)| !replaced(name)) {
        append(name, value);
    }
    for parameter in &plan.parameters {
        match parameter.place() {
            Place::Query => append(parameter.name(), parameter.value()),
            Place::Body => form.set(parameter.name().to_owned(), parameter.value()),
            Place::Header => {}
        }
    }
    match &plan.scheme {
        Scheme::Bearer => {}
        Scheme::Pop(key) => {
            form.set("token_type", plan.scheme.token_type());
            form.set("req_cnf", key.confirmation());
        }
        Scheme::MtlsPop => form.set("token_type", plan.scheme.token_type()),
    }
    // A code, a refresh token, claims, a secret: whatever is sent is part of it.
    let fingerprint = fingerprint(&form, &proof);
    if let Some((left, error)) = engine.cache().refused_of_late(&plan.key, fingerprint) {
        telemetry::paused(&plan.key.as_ref(), left);
        return Err(error);
    }
    let at = |proof: &Proof| mtls.as_ref().filter(|_| proof.binding().is_some()).unwrap_or(&url).clone();
    let mut post = Post {
        grant,
        url: at(&proof),
        form,
        proof,
        client: &identity.client,
        scopes: &plan.scopes,
        scheme: &plan.scheme,
        headers: &plan.parameters,
        // Nobody can sign in as an agent's user, so whatever they lack an administrator gives.
        for_user: !matches!(plan.grant, Grant::ClientCredentials | Grant::AgentUser(_)),
        correlation_id: plan.correlation_id,
        routing_hint,
    };
    loop {
        let host = post.url.host_str().unwrap_or_default().to_owned();
        let prove_again = async || attempts.first().await.ok();
        let error =
            match telemetry::timed(engine.metrics(), grant, &host, engine.wire().post(&post, prove_again))
                .await
            {
                Ok(granted) => return Ok(granted),
                Err(error) => error,
            };
        let Some(proof) = attempts.next(&post.proof, &error).await else {
            engine.cache().refused(&plan.key, fingerprint, &error);
            return Err(error);
        };
        post.url = at(&proof);
        post.proof = proof;
    }
}

/// What tells a request from others that are made for the same key.
fn fingerprint(form: &Form, proof: &Proof) -> u64 {
    let mut hasher = DefaultHasher::new();
    form.hash_into(&mut hasher);
    proof.hash_into(&mut hasher);
    hasher.finish()
}
