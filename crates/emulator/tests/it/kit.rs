//! A bare client: sends forms, reads answers, signs assertions with code of its own.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use entra_emulator::{Emulator, EmulatorBuilder, ids};
use reqwest::header::HeaderMap;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};

pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
pub(crate) const OBO: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com/.default";
pub(crate) const EXCHANGE: &str = "api://AzureADTokenExchange/.default";
pub(crate) const ORDERS: &str = "api://orders/.default";

pub(crate) struct Kit {
    pub(crate) emulator: Emulator,
    pub(crate) http: reqwest::Client,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Kit {
    pub(crate) fn new() -> Self {
        Self::with(Emulator::builder())
    }

    pub(crate) fn with(builder: EmulatorBuilder) -> Self {
        let emulator = builder.start_blocking().unwrap();
        let http = client(emulator.ca_pem());
        Self { emulator, http }
    }

    pub(crate) async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        self.token_in(ids::TENANT, fields).await
    }

    pub(crate) async fn token_in(&self, tenant: &str, fields: &[(&str, &str)]) -> Answer {
        let url = format!("{}/oauth2/v2.0/token", self.emulator.authority(tenant));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        Answer::of(request.body(body).send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.http.get(format!("{}{path}", self.emulator.base_url())).send().await.unwrap()).await
    }

    pub(crate) async fn call(&self, path: &str, token: &str) -> Answer {
        let url = format!("{}{path}", self.emulator.base_url());
        Answer::of(self.http.get(url).bearer_auth(token).send().await.unwrap()).await
    }

    /// Where a client assertion is for.
    pub(crate) fn endpoint(&self) -> String {
        format!("{}/oauth2/v2.0/token", self.emulator.authority(ids::TENANT))
    }

    pub(crate) async fn on_behalf_of(&self, assertion: &str, scope: &str) -> Answer {
        self.token(&[
            ("grant_type", OBO),
            ("client_id", ids::API),
            ("client_secret", ids::API_SECRET),
            ("assertion", assertion),
            ("requested_token_use", "on_behalf_of"),
            ("client_info", "1"),
            ("scope", scope),
        ])
        .await
    }

    pub(crate) async fn as_daemon(&self, scope: &str) -> Answer {
        self.token(&[
            ("grant_type", "client_credentials"),
            ("client_id", ids::DAEMON),
            ("client_secret", ids::DAEMON_SECRET),
            ("scope", scope),
        ])
        .await
    }

    /// A daemon's token request with this client assertion.
    pub(crate) async fn with_assertion(&self, assertion: &str) -> Answer {
        self.token(&[
            ("grant_type", "client_credentials"),
            ("client_id", ids::DAEMON),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
            ("scope", ORDERS),
        ])
        .await
    }
}

impl Answer {
    #[expect(clippy::disallowed_methods, reason = "a test reads what it asked for whole")]
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The access token of a good answer.
    pub(crate) fn access_token(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// The claims of its access token.
    pub(crate) fn claims(&self) -> Value {
        claims(&self.access_token())
    }

    /// Status, OAuth error and AADSTS number of a refusal, which must be complete.
    pub(crate) fn refusal(&self) -> (u16, String, u64) {
        let body = self.json();
        let number = body["error_codes"][0].as_u64().unwrap_or_else(|| panic!("no refusal: {}", self.text));
        assert!(
            body["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{number}: ")),
            "{}",
            self.text
        );
        for member in ["timestamp", "trace_id", "correlation_id", "error_uri"] {
            assert!(body[member].is_string(), "{member} in {}", self.text);
        }
        (self.status, body["error"].as_str().unwrap().to_owned(), number)
    }
}

pub(crate) fn refused(status: u16, error: &str, number: u64) -> (u16, String, u64) {
    (status, error.to_owned(), number)
}

pub(crate) fn claims(token: &str) -> Value {
    let middle = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(middle).unwrap()).unwrap()
}

pub(crate) fn unix_now(kit: &Kit) -> i64 {
    let since = kit.emulator.clock().now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// A certificate and its key, as a client has them.
pub(crate) struct Certificate {
    pub(crate) der: Vec<u8>,
    key: RsaKeyPair,
}

impl Certificate {
    pub(crate) fn registered() -> Self {
        Self::read(ids::APP_CERTIFICATE, ids::APP_KEY)
    }

    pub(crate) fn renewed() -> Self {
        Self::read(ids::RENEWED_CERTIFICATE, ids::RENEWED_KEY)
    }

    fn read(certificate: &str, key: &str) -> Self {
        let key = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()).unwrap();
        Self {
            der: CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap().to_vec(),
            key: RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap(),
        }
    }

    pub(crate) fn sha256(&self) -> Vec<u8> {
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.der).as_ref().to_vec()
    }

    pub(crate) fn sha1(&self) -> Vec<u8> {
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der).as_ref().to_vec()
    }

    pub(crate) fn base64(&self) -> String {
        STANDARD.encode(&self.der)
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let padding: &'static dyn aws_lc_rs::signature::RsaEncoding =
            if header["alg"] == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
        self.key.sign(padding, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The header that a modern client sends.
    pub(crate) fn header(&self) -> Value {
        json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(self.sha256()) })
    }
}

/// The claims that a client puts into its assertion.
pub(crate) fn assertion_claims(kit: &Kit, client_id: &str) -> Value {
    let now = unix_now(kit);
    json!({
        "aud": kit.endpoint(), "iss": client_id, "sub": client_id, "jti": "jti-1",
        "nbf": now, "exp": now + 600,
    })
}

#[expect(clippy::disallowed_methods, reason = "the tests' one client")]
pub(crate) fn client(ca_pem: Option<&str>) -> reqwest::Client {
    let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    if let Some(pem) = ca_pem {
        builder = builder.tls_certs_only([reqwest::Certificate::from_pem(pem.as_bytes()).unwrap()]);
    }
    builder.build().unwrap()
}
