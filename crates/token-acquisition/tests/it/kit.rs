//! An Entra, a clock for both sides, and applications that talk to it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{
    AccessToken, AcquireToken, Clock, Environment, HttpSettings, Scopes, SharedStore, StoreTokens,
    TokenError, TokenRequest, UserAssertion,
    testing::{ManualClock, MemoryStore, share},
};
use entra_emulator::{Directory, Emulator, EmulatorBuilder, Entry, ids};
use entra_token_acquisition::{
    Application, ApplicationBuilder, AuthorizationCode, TokenAcquirer, TokenAcquirerBuilder,
};
use serde_json::Value;
use url::Url;

pub(crate) const ORDERS: &str = "api://orders/.default";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com/.default";
pub(crate) const READ: &str = "api://orders/read";
pub(crate) const CALLBACK: &str = "http://localhost/signed-in";

pub(crate) struct Kit {
    pub(crate) emulator: Emulator,
    pub(crate) clock: Arc<ManualClock>,
}

impl Kit {
    pub(crate) fn new() -> Self {
        Self::with(Directory::default())
    }

    pub(crate) fn with(directory: Directory) -> Self {
        Self::before(Emulator::builder().directory(directory))
    }

    /// The same over TLS, where clients may show certificates.
    pub(crate) fn secured() -> Self {
        Self::before(Emulator::builder().https(true))
    }

    /// Both clocks stand still, at a time when the emulator's certificates are valid.
    fn before(emulator: EmulatorBuilder) -> Self {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_083_200);
        let emulator = emulator.strict_traffic().start_blocking().unwrap();
        emulator.clock().hold(now);
        Self { emulator, clock: Arc::new(ManualClock::new(now)) }
    }

    /// Trusts this Entra, and finds it under these names, too.
    pub(crate) fn http(&self, hosts: &[&str]) -> HttpSettings {
        let address = format!("127.0.0.1:{}", self.emulator.port()).parse().unwrap();
        let trusting = HttpSettings::default().trust_pem(self.emulator.ca_pem().unwrap());
        hosts.iter().fold(trusting, |http, host| http.resolve(*host, address))
    }

    pub(crate) fn advance(&self, seconds: u64) {
        let by = Duration::from_secs(seconds);
        self.clock.advance(by);
        self.emulator.clock().advance(by);
    }

    pub(crate) fn client(&self, id: &str) -> ApplicationBuilder {
        Application::builder().instance(self.emulator.base_url()).tenant(ids::TENANT).client_id(id)
    }

    pub(crate) fn builder(&self, application: ApplicationBuilder) -> TokenAcquirerBuilder {
        builder(application.build().unwrap(), Arc::clone(&self.clock) as Arc<dyn Clock>)
    }

    pub(crate) fn acquirer(&self, application: ApplicationBuilder) -> TokenAcquirer {
        self.builder(application).build().unwrap()
    }

    /// A store that instances share.
    pub(crate) fn store(&self) -> Arc<MemoryStore> {
        Arc::new(MemoryStore::new(Arc::clone(&self.clock) as Arc<_>))
    }

    /// One of the API's instances that share a store.
    pub(crate) fn instance(&self, store: &Arc<impl StoreTokens + 'static>) -> TokenAcquirer {
        self.sharing(share(Arc::clone(store) as Arc<_>))
    }

    /// One of the API's instances that share a store in this way.
    pub(crate) fn sharing(&self, store: SharedStore) -> TokenAcquirer {
        self.builder(self.client(ids::API).secret(ids::API_SECRET)).store(store).build().unwrap()
    }

    pub(crate) fn daemon(&self) -> TokenAcquirer {
        self.acquirer(self.client(ids::DAEMON).secret(ids::DAEMON_SECRET))
    }

    pub(crate) fn api(&self) -> TokenAcquirer {
        self.acquirer(self.client(ids::API).secret(ids::API_SECRET))
    }

    /// What a user's client presents to the API. Each call makes another token.
    pub(crate) fn caller(&self, user: &str) -> UserAssertion {
        let token = self.emulator.user_token(user, &format!("api://{}/access_as_user", ids::API));
        UserAssertion::new(token).unwrap()
    }

    /// A code for the API's own sign-in, and the verifier that belongs to it.
    pub(crate) async fn code(&self, user: &str, scopes: &str) -> (String, &'static str) {
        let verifier = "a-verifier-of-the-forty-three-characters-that-are-due~";
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
        let mut url =
            Url::parse(&format!("{}/oauth2/v2.0/authorize", self.emulator.authority(ids::TENANT))).unwrap();
        url.query_pairs_mut()
            .append_pair("client_id", ids::API)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", CALLBACK)
            .append_pair("scope", &format!("{scopes} openid profile offline_access"))
            .append_pair("login_hint", &self.emulator.directory().user(user).unwrap().upn)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(digest))
            .append_pair("code_challenge_method", "S256");
        let response = self.browser().get(url).send().await.unwrap();
        let back = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        (code, verifier)
    }

    pub(crate) async fn authorization_code(&self, user: &str, wanted: &str) -> AuthorizationCode {
        let (code, verifier) = self.code(user, wanted).await;
        AuthorizationCode::new(code, CALLBACK, scopes(wanted)).verifier(verifier)
    }

    /// A refresh token that some other library got for the API's client id.
    #[expect(clippy::disallowed_methods, reason = "a test reads what it asked for whole")]
    pub(crate) async fn foreign_refresh_token(&self, user: &str, wanted: &str) -> String {
        let (code, verifier) = self.code(user, wanted).await;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("client_id", ids::API)
            .append_pair("client_secret", ids::API_SECRET)
            .append_pair("code", &code)
            .append_pair("code_verifier", verifier)
            .append_pair("redirect_uri", CALLBACK)
            .append_pair("scope", &format!("{wanted} offline_access"))
            .finish();
        let request =
            self.browser().post(format!("{}/oauth2/v2.0/token", self.emulator.authority(ids::TENANT)));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer: Value =
            serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
        answer["refresh_token"].as_str().unwrap().to_owned()
    }

    #[expect(clippy::disallowed_methods, reason = "the tests' own browser")]
    fn browser(&self) -> reqwest::Client {
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let trusted =
            self.emulator.ca_pem().map(|pem| reqwest::Certificate::from_pem(pem.as_bytes()).unwrap());
        browser.tls_certs_merge(trusted).build().unwrap()
    }

    /// The token requests so far.
    pub(crate) fn sent(&self) -> Vec<Entry> {
        self.emulator.log().token_requests()
    }

    pub(crate) fn count(&self) -> usize {
        self.emulator.log().count_tokens()
    }

    pub(crate) fn legs(&self) -> Vec<String> {
        self.sent().into_iter().map(|entry| entry.leg.unwrap_or_default()).collect()
    }
}

pub(crate) fn builder(application: Application, clock: Arc<dyn Clock>) -> TokenAcquirerBuilder {
    TokenAcquirer::builder(application)
        .clock(clock)
        .environment(Environment::empty())
        .http(HttpSettings::default())
        .retry_delay(Duration::ZERO)
}

pub(crate) fn scopes(text: &str) -> Scopes {
    Scopes::try_from(text).unwrap()
}

pub(crate) fn as_app(text: &str) -> TokenRequest {
    TokenRequest::as_app(scopes(text))
}

/// The payload of a token.
pub(crate) fn claims(token: &AccessToken) -> Value {
    let payload = token.secret().expose().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Who must act.
pub(crate) fn who(error: &TokenError) -> &'static str {
    match error {
        TokenError::InteractionRequired(_) => "the user",
        TokenError::Unavailable(_) => "nobody",
        TokenError::Rejected(_) => "the administrator",
        TokenError::Misconfigured(_) => "the developer",
        _ => "somebody new",
    }
}

/// The token of a request that must be answered without waiting.
pub(crate) fn at_once(tokens: &TokenAcquirer, request: &TokenRequest) -> AccessToken {
    tokens.acquire(request).now().unwrap().unwrap()
}

/// An error and all that is below it, in every form in which it could be printed.
pub(crate) fn every_text(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(|error| format!("{error}\n{error:#}\n{error:?}\n{error:#?}")).collect::<Vec<_>>().join("\n")
}
