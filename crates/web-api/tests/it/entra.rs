//! An authority on loopback: metadata and keys that a test can change, and tokens that they sign.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, UNIX_EPOCH},
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use axum::{
    Json, Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{Section, testing::ManualClock};
use entra_web_api::{TokenValidator, TokenValidatorBuilder};
use serde_json::{Value, json};

pub(crate) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
pub(crate) const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";

/// A key that signs tokens.
pub(crate) struct Key {
    pub(crate) kid: String,
    pair: KeyPair,
}

impl Key {
    /// One of a few keys that all tests share: making one takes a while.
    pub(crate) fn number(index: usize) -> &'static Self {
        static KEYS: [OnceLock<Key>; 3] = [OnceLock::new(), OnceLock::new(), OnceLock::new()];
        KEYS[index].get_or_init(|| Self {
            kid: format!("key-{index}"),
            pair: KeyPair::generate(KeySize::Rsa2048).unwrap(),
        })
    }

    pub(crate) fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (n, e) = (public.modulus(), public.exponent());
        json!({
            "kty": "RSA", "use": "sig", "kid": self.kid,
            "n": number(n.big_endian_without_leading_zero()), "e": number(e.big_endian_without_leading_zero()),
        })
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The authority.
pub(crate) struct Entra {
    base: String,
    state: Arc<Mutex<Served>>,
    pub(crate) clock: Arc<ManualClock>,
}

struct Served {
    keys: Vec<&'static Key>,
    status: StatusCode,
    requests: Vec<String>,
}

impl Entra {
    pub(crate) async fn start() -> Self {
        let state = Served { keys: vec![Key::number(0)], status: StatusCode::OK, requests: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state((base.clone(), Arc::clone(&state)));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { base, state, clock: Arc::default() }
    }

    pub(crate) fn section(&self) -> Section {
        Section::new("AzureAd", json!({"Instance": self.base, "TenantId": TENANT, "ClientId": CLIENT}))
    }

    pub(crate) fn validator(&self) -> TokenValidator {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(&self) -> TokenValidatorBuilder {
        TokenValidator::builder(&self.section()).clock(self.clock.clone())
    }

    pub(crate) fn publish(&self, keys: &[usize]) {
        self.state.lock().unwrap().keys = keys.iter().map(|index| Key::number(*index)).collect();
    }

    pub(crate) fn answer_with(&self, status: u16) {
        self.state.lock().unwrap().status = StatusCode::from_u16(status).unwrap();
    }

    /// How often the keys were asked for since the last look.
    pub(crate) fn fetches(&self) -> usize {
        let requests = std::mem::take(&mut self.state.lock().unwrap().requests);
        requests.iter().filter(|path| path.contains("/v2.0/.well-known/")).count()
    }

    pub(crate) fn claims(&self) -> Value {
        let now = entra_abstractions::Clock::now(&*self.clock).duration_since(UNIX_EPOCH).unwrap().as_secs();
        json!({
            "aud": CLIENT, "iss": format!("{}/{TENANT}/v2.0", self.base), "tid": TENANT, "ver": "2.0",
            "iat": now, "nbf": now, "exp": now + 3600, "scp": "access_as_user Orders.Read", "azp": CLIENT,
            "oid": "22223333-cccc-4444-dddd-5555eeee6666", "name": "Zoë O'Neil", "sub": "s",
        })
    }

    /// A good token of this key, with these changes.
    pub(crate) fn token(&self, key: usize, changes: &Value) -> String {
        let key = Key::number(key);
        let mut claims = self.claims();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        key.sign(&json!({"typ": "JWT", "alg": "RS256", "kid": key.kid}), &claims)
    }
}

type Shared = (String, Arc<Mutex<Served>>);

async fn answer(State((base, served)): State<Shared>, request: Request) -> Response {
    let mut served = served.lock().unwrap();
    let path = request.uri().path().to_owned();
    served.requests.push(path.clone());
    if !served.status.is_success() {
        return (served.status, [("retry-after", "7")]).into_response();
    }
    let body = match path.rsplit_once(TENANT).map(|(_, path)| path) {
        Some("/v2.0/.well-known/openid-configuration") => {
            json!({"issuer": format!("{base}/{TENANT}/v2.0"), "jwks_uri": format!("{base}/{TENANT}/keys")})
        }
        Some("/keys") => json!({"keys": served.keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    Json(body).into_response()
}

/// Some minutes.
pub(crate) fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}
