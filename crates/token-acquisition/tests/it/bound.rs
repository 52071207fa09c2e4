//! Tokens that are bound to the application's certificate, and credentials that are shown in the
//! handshake, before an Entra that compares them by itself.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{
    AcquireToken, AgentId, AssertionContext, Environment, HttpSettings, Misconfigured, ProvideAssertion,
    Scheme, SignedAssertion, TokenError, TokenRequest,
};
use entra_emulator::{Emulator, ids};
use entra_token_acquisition::{Application, ApplicationBuilder, TokenAcquirer};
use serde_json::json;

use crate::{
    kit::{Kit, ORDERS, READ, as_app, claims, scopes, who},
    wiretap::Wiretap,
};

/// An Entra over TLS, and applications that trust it.
struct Secured(Emulator);

impl Secured {
    fn new() -> Self {
        Self(Emulator::builder().https(true).strict_traffic().start_blocking().unwrap())
    }

    fn client(&self) -> ApplicationBuilder {
        Application::builder().instance(self.0.base_url()).tenant(ids::TENANT).client_id(ids::DAEMON)
    }

    fn tokens(&self, application: ApplicationBuilder) -> TokenAcquirer {
        TokenAcquirer::builder(application.build().unwrap())
            .environment(Environment::empty())
            .http(HttpSettings::default().trust_pem(self.0.ca_pem().unwrap()))
            .build()
            .unwrap()
    }

    fn with_certificate(&self) -> TokenAcquirer {
        self.tokens(self.client().certificate_pem(format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY)))
    }
}

fn bound() -> TokenRequest {
    TokenRequest { scheme: Scheme::MtlsPop, ..as_app(ORDERS) }
}

#[tokio::test]
async fn a_bound_token_names_the_certificate_that_the_handshake_showed() {
    let entra = Secured::new();
    let tokens = entra.with_certificate();
    let token = tokens.acquire(&bound()).await.unwrap();
    let binding = token.binding().unwrap();
    assert_eq!(claims(&token)["cnf"]["x5t#S256"], binding.thumbprint());
    assert!(token.authorization_header().to_str().unwrap().starts_with("mtls_pop "));
    let sent = entra.0.log().token_requests();
    assert_eq!(sent[0].client_certificate.as_deref(), Some(binding.thumbprint()));
    // The certificate is the whole proof.
    assert_eq!((sent[0].field("token_type"), sent[0].field("client_assertion")), (Some("mtls_pop"), None));
    // From the cache it comes with its certificate, too; and is never taken for a plain one.
    assert_eq!(tokens.acquire(&bound()).now().unwrap().unwrap().binding(), Some(binding));
    let plain = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!((plain.binding(), plain.scheme()), (None, &Scheme::Bearer));
    assert_eq!(entra.0.log().token_requests()[1].client_certificate, None);
}

#[tokio::test]
async fn a_certificate_with_the_same_key_is_another_binding() {
    let entra = Secured::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.pem");
    let write = |certificate: &str, key: &str| std::fs::write(&path, format!("{certificate}{key}")).unwrap();
    entra.0.edit(|directory| {
        directory.app_mut(ids::DAEMON).unwrap().certificates.push(ids::RENEWED_CERTIFICATE.to_owned());
    });
    write(ids::APP_CERTIFICATE, ids::APP_KEY);
    let tokens = entra.tokens(entra.client().certificate_file(&path));
    let first = tokens.acquire(&bound()).await.unwrap();
    write(ids::RENEWED_CERTIFICATE, ids::RENEWED_KEY);
    let second = tokens.acquire(&TokenRequest { force_refresh: true, ..bound() }).await.unwrap();
    assert_ne!(first.binding(), second.binding());
    for token in [&first, &second] {
        assert_eq!(claims(token)["cnf"]["x5t#S256"], token.binding().unwrap().thumbprint());
    }
}

#[tokio::test]
async fn an_agents_legs_are_bound_to_its_blueprints_certificate() {
    #[derive(Debug)]
    struct Blueprint(TokenAcquirer, AgentId);

    #[async_trait::async_trait]
    impl ProvideAssertion for Blueprint {
        async fn assertion(&self, context: &AssertionContext) -> Result<SignedAssertion, TokenError> {
            assert!(context.is_bound);
            let request = TokenRequest {
                scheme: Scheme::MtlsPop,
                ..as_app(entra_token_acquisition::TOKEN_EXCHANGE_SCOPE)
            };
            let token = self.0.acquire(&request.fmi_path((&self.1).into())).await?;
            Ok(SignedAssertion::new(token.secret().to_secret()).bound_to(token.binding().unwrap().clone()))
        }
    }

    let entra = Secured::new();
    entra.0.edit(|directory| {
        directory.app_mut(ids::BLUEPRINT).unwrap().certificates.push(ids::APP_CERTIFICATE.to_owned());
    });
    let application = entra.client().client_id(ids::BLUEPRINT);
    let pem = format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY);
    let blueprint = entra.tokens(application.certificate_pem(pem));
    let agent = AgentId::new(ids::AGENT).unwrap();
    let acting = blueprint.acting_as(&agent, Arc::new(Blueprint(blueprint.clone(), agent.clone())));
    let token = acting.acquire(&bound()).await.unwrap();
    assert_eq!(claims(&token)["azp"], ids::AGENT);
    assert_eq!(claims(&token)["cnf"]["x5t#S256"], token.binding().unwrap().thumbprint());
    let sent = entra.0.log().token_requests();
    assert!(
        sent.iter()
            .all(|entry| entry.client_certificate.as_deref() == Some(token.binding().unwrap().thumbprint()))
    );
    let kind = sent[1].field("client_assertion_type");
    assert_eq!(kind, Some("urn:ietf:params:oauth:client-assertion-type:jwt-pop"));
}

#[tokio::test]
async fn a_bound_credential_shows_its_certificate_beside_what_it_signed() {
    let entra = Secured::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.pem");
    std::fs::write(&path, format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY)).unwrap();
    let section = entra_abstractions::Section::new(
        "AzureAd",
        json!({
            "Instance": entra.0.base_url(), "TenantId": ids::TENANT, "ClientId": ids::DAEMON,
            "ClientCredentials": [
                {"SourceType": "Path", "CertificateDiskPath": path, "UseBoundCredential": true},
            ],
        }),
    );
    let application = Application::from_section(&section).unwrap();
    let tokens = TokenAcquirer::builder(application)
        .http(HttpSettings::default().trust_pem(entra.0.ca_pem().unwrap()))
        .build()
        .unwrap();
    let token = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!((token.scheme(), token.binding()), (&Scheme::Bearer, None));
    assert!(claims(&token).get("cnf").is_none());
    let sent = entra.0.log().token_requests();
    assert!(sent[0].client_certificate.is_some() && sent[0].field("client_assertion").is_some());
    // A bound token is asked for by the certificate alone, on the same terms as without the setting.
    let token = tokens.acquire(&bound()).await.unwrap();
    assert!(token.binding().is_some());
}

#[tokio::test]
async fn what_cannot_be_bound_says_so_and_sends_nothing() {
    let entra = Secured::new();
    let secret = entra.tokens(entra.client().secret(ids::DAEMON_SECRET));
    let file = entra.tokens(entra.client().assertion_file("/nowhere/token"));
    for tokens in [&secret, &file] {
        let told = tokens.binder().unwrap().check(&bound()).unwrap_err().to_string();
        assert!(told.contains("cannot be bound to a connection"), "{told}");
        let error = tokens.acquire(&bound()).await.unwrap_err();
        assert_eq!(who(&error), "the developer");
    }
    let tokens = entra.with_certificate();
    tokens.binder().unwrap().check(&bound()).unwrap();
    let user = entra_abstractions::UserAssertion::new(
        entra.0.user_token("alice", &format!("api://{}/access_as_user", ids::API)),
    );
    let user =
        TokenRequest { scheme: Scheme::MtlsPop, ..TokenRequest::on_behalf_of(scopes(READ), &user.unwrap()) };
    for error in [
        tokens.binder().unwrap().check(&user).unwrap_err(),
        match tokens.acquire(&user).await.unwrap_err() {
            TokenError::Misconfigured(fault) => fault,
            other => Misconfigured::new("another").with_source(other),
        },
    ] {
        assert!(error.to_string().contains("only an application's own token can be bound"), "{error}");
    }
    assert_eq!(entra.0.log().count_tokens(), 0);
}

#[tokio::test]
async fn each_cloud_takes_certificates_at_a_host_of_its_own() {
    for (instance, region, expected) in [
        ("https://login.microsoftonline.com", None, "mtlsauth.microsoft.com"),
        ("https://login.windows.net", Some("westus2"), "westus2.mtlsauth.microsoft.com"),
        ("https://login.microsoftonline.us", None, "mtlsauth.microsoftonline.us"),
        (
            "https://login.partner.microsoftonline.cn",
            Some("chinaeast2"),
            "chinaeast2.mtlsauth.partner.microsoftonline.cn",
        ),
        ("https://login.sovcloud-identity.fr", None, "mtlsauth.sovcloud-identity.fr"),
        ("https://login.sovcloud-identity.de", None, "mtlsauth.sovcloud-identity.de"),
        ("https://login.sovcloud-identity.sg", None, "mtlsauth.sovcloud-identity.sg"),
        ("https://login.example.org", None, "mtlsauth.example.org"),
    ] {
        let error = asked_at(instance, region).await;
        assert_eq!(error.exchange().unwrap().host(), expected, "{instance}");
    }
    for nowhere in
        ["https://login.usgovcloudapi.net", "https://login.chinacloudapi.cn", "https://sts.windows.net"]
    {
        let error = asked_at(nowhere, None).await;
        assert_eq!(who(&error), "the developer", "{nowhere}");
        assert!(error.to_string().contains("there is no endpoint for client certificates"), "{error}");
    }
}

/// What comes of it where nobody listens.
async fn asked_at(instance: &str, region: Option<&str>) -> TokenError {
    let nobody = "127.0.0.1:9".parse().unwrap();
    let mut http = HttpSettings::default();
    for host in [
        "mtlsauth.microsoft.com",
        "westus2.mtlsauth.microsoft.com",
        "mtlsauth.microsoftonline.us",
        "chinaeast2.mtlsauth.partner.microsoftonline.cn",
        "mtlsauth.sovcloud-identity.fr",
        "mtlsauth.sovcloud-identity.de",
        "mtlsauth.sovcloud-identity.sg",
        "mtlsauth.example.org",
    ] {
        http = http.resolve(host, nobody);
    }
    let pem = format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY);
    let application = Application::builder()
        .instance(instance)
        .tenant("contoso.example")
        .client_id("client")
        .certificate_pem(pem);
    let application = region.into_iter().fold(application, ApplicationBuilder::region);
    let tokens = TokenAcquirer::builder(application.build().unwrap())
        .environment(Environment::empty())
        .http(http)
        .without_instance_discovery()
        .retry_delay(std::time::Duration::ZERO)
        .build()
        .unwrap();
    tokens.acquire(&bound()).await.unwrap_err()
}

#[tokio::test]
async fn an_answer_of_another_kind_or_for_another_certificate_is_not_taken() {
    let payload = URL_SAFE_NO_PAD.encode(json!({"cnf": {"x5t#S256": "another"}}).to_string());
    for (kind, told) in [
        ("Bearer", "a token of another type than was asked for (Bearer, not mtls_pop)"),
        ("mtls_pop", "bound to another certificate than the connection's"),
    ] {
        let answer =
            json!({"token_type": kind, "expires_in": 3599, "access_token": format!("e30.{payload}.c2ln")});
        let wiretap = Wiretap::that([crate::wiretap::json(&answer.to_string())]).await;
        let application =
            Application::builder().instance(&wiretap.url).tenant(ids::TENANT).client_id(ids::DAEMON);
        let pem = format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY);
        let tokens = Kit::new().acquirer(application.certificate_pem(pem));
        let error = tokens.acquire(&bound()).await.unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}
