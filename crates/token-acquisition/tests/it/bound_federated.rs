//! Assertions that are bound to a certificate (`jwt-pop`): from a provider, and from another application
//! that vouches for this one.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use entra_abstractions::{
    AccessToken, AcquireToken, AssertionContext, ProvideAssertion, Scheme, Section, SignedAssertion,
    TokenError, TokenRequest,
};
use entra_emulator::{Entry, FederatedCredential, ids};
use entra_token_acquisition::{Application, TOKEN_EXCHANGE_SCOPE, TokenAcquirer};
use serde_json::{Value, json};

use crate::kit::{GRAPH, Kit, ORDERS, as_app, builder, claims, who};

const BOUND: Option<&str> = Some("urn:ietf:params:oauth:client-assertion-type:jwt-pop");
const PLAIN: Option<&str> = Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");

/// Who asked, as what the proof came, for which kind of token, and over which certificate.
type Asked = (String, Option<String>, Option<String>, Option<String>);

/// An Entra in which the daemon's registration trusts the shop, which has registered two certificates.
struct Stage {
    kit: Kit,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let kit = Kit::secured();
        let token = kit.emulator.app_token(ids::API, "api://AzureADTokenExchange");
        let subject = claims_of(&token)["sub"].clone();
        let trust = json!({ "issuer": "entra", "subject": subject });
        let trust: FederatedCredential = serde_json::from_value(trust).unwrap();
        kit.emulator.edit(|directory| {
            directory.app_mut(ids::DAEMON).unwrap().federated.push(trust);
            let shop = directory.app_mut(ids::API).unwrap();
            shop.certificates = vec![ids::APP_CERTIFICATE.to_owned(), ids::RENEWED_CERTIFICATE.to_owned()];
        });
        let stage = Self { kit, folder: tempfile::tempdir().unwrap() };
        stage.write(ids::APP_CERTIFICATE, ids::APP_KEY);
        stage
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("shop.pem")
    }

    fn write(&self, certificate: &str, key: &str) {
        std::fs::write(self.path(), format!("{certificate}{key}")).unwrap();
    }

    /// The daemon's section, with this credential; and the shop's, with that one.
    fn daemon(&self, credential: &Value, shops: &Value) -> TokenAcquirer {
        self.with_provider(credential, shops, None)
    }

    fn with_provider(
        &self,
        credential: &Value,
        shops: &Value,
        provider: Option<Arc<dyn ProvideAssertion>>,
    ) -> TokenAcquirer {
        let section = |client: &str, credential: &Value| {
            json!({
                "Instance": self.kit.emulator.base_url(), "TenantId": ids::TENANT, "ClientId": client,
                "ClientCredentials": [credential],
            })
        };
        let root = Section::new(
            "",
            json!({ "AzureAd": section(ids::DAEMON, credential), "Shop": section(ids::API, shops) }),
        );
        let application = Application::from_section(&root.section("AzureAd")).unwrap();
        let tokens = builder(application, Arc::clone(&self.kit.clock) as _)
            .http(self.kit.http(&[]))
            .configuration(root);
        let tokens =
            provider.into_iter().fold(tokens, |tokens, one| tokens.assertion_provider("voucher", one));
        tokens.build().unwrap()
    }

    fn certificate(&self) -> Value {
        json!({ "SourceType": "Path", "CertificateDiskPath": self.path() })
    }

    /// The shop's own acquirer.
    fn shop(&self) -> TokenAcquirer {
        let application = self.kit.client(ids::API).certificate_file(self.path());
        self.kit.builder(application).http(self.kit.http(&[])).build().unwrap()
    }

    /// What was asked since the last look.
    fn sent(&self) -> Vec<Asked> {
        let told = |entry: Entry| {
            let field = |name: &str| entry.field(name).map(str::to_owned);
            (
                entry.client.clone().unwrap_or_default(),
                field("client_assertion_type"),
                field("token_type"),
                entry.client_certificate.clone(),
            )
        };
        let sent = self.kit.sent().into_iter().map(told).collect();
        self.kit.emulator.log().clear();
        sent
    }
}

fn of_shop(is_shown: bool) -> Value {
    json!({
        "SourceType": "CustomSignedAssertion",
        "CustomSignedAssertionProviderName": "OidcIdpSignedAssertion",
        "CustomSignedAssertionProviderData": { "ConfigurationSection": "Shop" },
        "UseBoundCredential": is_shown,
    })
}

fn of_voucher(is_shown: bool) -> Value {
    json!({
        "SourceType": "CustomSignedAssertion",
        "CustomSignedAssertionProviderName": "voucher",
        "UseBoundCredential": is_shown,
    })
}

fn bound(scopes: &str) -> TokenRequest {
    TokenRequest { scheme: Scheme::MtlsPop, ..as_app(scopes) }
}

fn claims_of(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// That a token says itself to which certificate it is bound, and which that is.
fn binding_of(token: &AccessToken) -> String {
    let thumbprint = token.binding().unwrap().thumbprint().to_owned();
    assert_eq!(claims(token)["cnf"]["x5t#S256"], *thumbprint);
    thumbprint
}

fn one(client: &str, proof: Option<&str>, token_type: Option<&str>, shown: Option<&str>) -> Asked {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    (client.to_owned(), owned(proof), owned(token_type), owned(shown))
}

const POP: Option<&str> = Some("mtls_pop");

#[tokio::test]
async fn a_bound_assertion_is_the_other_applications_bound_token() {
    let stage = Stage::new();
    let tokens = stage.daemon(&of_shop(false), &stage.certificate());
    let token = tokens.acquire(&bound(ORDERS)).await.unwrap();
    let thumbprint = binding_of(&token);
    assert_eq!(claims(&token)["azp"], ids::DAEMON);
    // No plain token is asked for beforehand, and the certificate is the other application's own.
    let shown = Some(&*thumbprint);
    assert_eq!(stage.sent(), [one("shop-api", None, POP, shown), one("night-job", BOUND, POP, shown)]);
    // What was vouched for once serves for the next API.
    tokens.acquire(&bound(GRAPH)).await.unwrap();
    assert_eq!(stage.sent(), [one("night-job", BOUND, POP, shown)]);
}

#[tokio::test]
async fn a_bearers_token_may_be_asked_for_by_a_bound_assertion() {
    let stage = Stage::new();
    let tokens = stage.daemon(&of_shop(true), &stage.certificate());
    let token = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!((token.scheme(), token.binding()), (&Scheme::Bearer, None));
    assert!(claims(&token).get("cnf").is_none());
    let sent = stage.sent();
    let shown = sent[0].3.as_deref();
    assert!(shown.is_some());
    assert_eq!(sent, [one("shop-api", None, POP, shown), one("night-job", BOUND, None, shown)]);
}

#[tokio::test]
async fn a_plain_assertion_never_becomes_bound() {
    let stage = Stage::new();
    let tokens = stage.daemon(&of_shop(false), &stage.certificate());
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let expected = [one("shop-api", PLAIN, None, None), one("night-job", PLAIN, None, None)];
    assert_eq!(stage.sent(), expected);
}

#[tokio::test]
async fn who_vouches_must_have_a_certificate() {
    let stage = Stage::new();
    let secret = json!({ "SourceType": "ClientSecret", "ClientSecret": ids::API_SECRET });
    for (is_shown, request) in [(false, bound(ORDERS)), (true, as_app(ORDERS))] {
        let tokens = stage.daemon(&of_shop(is_shown), &secret);
        let error = tokens.acquire(&request).await.unwrap_err();
        assert_eq!(who(&error), "the developer");
        assert!(error.to_string().contains("a client secret cannot be bound"), "{error}");
    }
    assert!(stage.sent().is_empty(), "nothing is asked for in its place");
}

#[tokio::test]
async fn a_new_certificate_of_who_vouches_is_that_of_the_next_token() {
    let stage = Stage::new();
    let tokens = stage.daemon(&of_shop(false), &stage.certificate());
    let first = tokens.acquire(&bound(ORDERS)).await.unwrap();
    stage.write(ids::RENEWED_CERTIFICATE, ids::RENEWED_KEY);
    // What was vouched for with the old one goes over connections with the old one, until it ends.
    let second = tokens.acquire(&bound(GRAPH)).await.unwrap();
    assert_eq!(binding_of(&second), binding_of(&first));
    stage.kit.advance(3_700);
    let third = tokens.acquire(&bound(ORDERS)).await.unwrap();
    assert_ne!(binding_of(&third), binding_of(&first));
    let shown: Vec<_> = stage.sent().into_iter().filter_map(|(.., shown)| shown).collect();
    let (old, new) = (binding_of(&first), binding_of(&third));
    assert_eq!(shown, [old.clone(), old.clone(), old, new.clone(), new]);
}

/// Gives the shop's token, bound or not; and was asked for which.
#[derive(Debug)]
struct Voucher {
    shop: TokenAcquirer,
    scheme: Scheme,
    asked: Mutex<Vec<bool>>,
}

#[async_trait]
impl ProvideAssertion for Voucher {
    async fn assertion(&self, context: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        self.asked.lock().unwrap().push(context.is_bound);
        let request = TokenRequest { scheme: self.scheme.clone(), ..as_app(TOKEN_EXCHANGE_SCOPE) };
        let token = self.shop.acquire(&request).await?;
        let assertion = SignedAssertion::new(token.secret().to_secret());
        Ok(match token.binding() {
            Some(binding) => assertion.bound_to(binding.clone()),
            None => assertion,
        })
    }
}

/// What comes of a request where a provider vouches, and what the provider was asked for.
async fn vouched(
    stage: &Stage,
    gives: Scheme,
    is_shown: bool,
    request: &TokenRequest,
) -> (Result<AccessToken, TokenError>, Vec<bool>) {
    let voucher = Arc::new(Voucher { shop: stage.shop(), scheme: gives, asked: Mutex::default() });
    let provider = Some(Arc::clone(&voucher) as _);
    let tokens = stage.with_provider(&of_voucher(is_shown), &stage.certificate(), provider);
    let result = tokens.acquire(request).await;
    if let Ok(token) = &result {
        let again = tokens.acquire(request).now().unwrap().unwrap();
        assert_eq!((again.secret(), again.binding()), (token.secret(), token.binding()));
    }
    let asked = voucher.asked.lock().unwrap().clone();
    (result, asked)
}

#[tokio::test]
async fn a_provider_is_asked_for_what_the_credential_wants() {
    let stage = Stage::new();
    let (plain, asked) = vouched(&stage, Scheme::Bearer, false, &as_app(ORDERS)).await;
    assert_eq!((plain.unwrap().binding(), asked), (None, vec![false]));
    let expected = [one("shop-api", PLAIN, None, None), one("night-job", PLAIN, None, None)];
    assert_eq!(stage.sent(), expected);
    for (is_shown, request, token_type) in [(true, as_app(ORDERS), None), (false, bound(ORDERS), POP)] {
        let (token, asked) = vouched(&stage, Scheme::MtlsPop, is_shown, &request).await;
        let token = token.unwrap();
        assert_eq!((token.scheme(), token.binding().is_some()), (&request.scheme, token_type.is_some()));
        assert_eq!(asked, [true], "once, and not for a token that is cached");
        let sent = stage.sent();
        let shown = sent[0].3.as_deref();
        assert_eq!(sent, [one("shop-api", None, POP, shown), one("night-job", BOUND, token_type, shown)]);
    }
}

#[tokio::test]
async fn an_assertion_with_a_certificate_is_shown_over_it_unasked() {
    let stage = Stage::new();
    let (token, asked) = vouched(&stage, Scheme::MtlsPop, false, &as_app(ORDERS)).await;
    let token = token.unwrap();
    assert_eq!((token.scheme(), token.binding(), asked), (&Scheme::Bearer, None, vec![false]));
    let sent = stage.sent();
    let shown = sent[0].3.as_deref();
    assert_eq!(sent, [one("shop-api", None, POP, shown), one("night-job", BOUND, None, shown)]);
}

#[tokio::test]
async fn a_bound_assertion_that_is_none_is_an_error_of_its_own() {
    let stage = Stage::new();
    for (is_shown, request) in [(true, as_app(ORDERS)), (false, bound(ORDERS))] {
        let (result, asked) = vouched(&stage, Scheme::Bearer, is_shown, &request).await;
        let error = result.unwrap_err();
        assert_eq!((who(&error), asked), ("the developer", vec![true]));
        assert!(error.to_string().contains("this provider's assertion cannot be bound"), "{error}");
        assert_eq!(stage.sent(), [one("shop-api", PLAIN, None, None)], "the daemon asks for nothing");
    }
}
