//! Credentials that are shown in the handshake with Entra while the token stays a bearer's
//! (`UseBoundCredential`), and what is told where a credential cannot be.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use entra_abstractions::{AcquireToken, HttpSettings, Scheme, Section, SessionKey, TokenRequest};
use entra_emulator::{Entry, Grant, VaultCertificate, ids};
use entra_token_acquisition::{Application, CredentialState, TokenAcquirer};
use serde_json::{Value, json};

use crate::kit::{Kit, ORDERS, READ, as_app, at_once, builder, claims, scopes, who};

const PLAIN: &str = "login.microsoftonline.com";
const SHOWN: &str = "westus2.mtlsauth.microsoft.com";
const ISSUED: &str = "westus2.login.microsoft.com";

/// An Entra where both applications have registered the certificate.
fn kit() -> Kit {
    let kit = Kit::secured();
    for client in [ids::API, ids::DAEMON] {
        kit.emulator.edit(|directory| {
            let app = directory.app_mut(client).unwrap();
            app.certificates = vec![ids::APP_CERTIFICATE.to_owned()];
        });
    }
    kit
}

/// An application of the public cloud, in a region.
fn acquirer(kit: &Kit, client: &str, credentials: &Value) -> TokenAcquirer {
    let section = json!({
        "Instance": format!("https://{PLAIN}"), "TenantId": ids::TENANT, "ClientId": client,
        "AzureRegion": "westus2", "ClientCredentials": credentials,
    });
    let application = Application::from_section(&Section::new("AzureAd", section)).unwrap();
    let http: HttpSettings = kit.http(&[PLAIN, SHOWN, ISSUED]);
    builder(application, Arc::clone(&kit.clock) as _).http(http).build().unwrap()
}

fn file(path: &Path, is_shown: bool) -> Value {
    json!({ "SourceType": "Path", "CertificateDiskPath": path, "UseBoundCredential": is_shown })
}

fn write(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("app.pem");
    std::fs::write(&path, format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY)).unwrap();
    path
}

fn bound() -> TokenRequest {
    TokenRequest { scheme: Scheme::MtlsPop, ..as_app(ORDERS) }
}

/// Where a request went, whether a certificate was shown, and as what the application's proof came.
fn how(entry: &Entry) -> (&str, bool, Option<&str>) {
    (&entry.host, entry.client_certificate.is_some(), entry.field("client_assertion_type"))
}

const SIGNED: Option<&str> = Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");

#[tokio::test]
async fn users_tokens_come_over_connections_with_a_bound_credential() {
    let (kit, folder) = (kit(), tempfile::tempdir().unwrap());
    let tokens = acquirer(&kit, ids::API, &json!([file(&write(&folder), true)]));
    let alice = kit.caller("alice");
    let request = TokenRequest::on_behalf_of(scopes(READ), &alice);
    let token = tokens.acquire(&request).await.unwrap();
    assert_eq!((token.scheme(), token.binding()), (&Scheme::Bearer, None));
    assert!(token.authorization_header().to_str().unwrap().starts_with("Bearer "));
    assert!(claims(&token).get("cnf").is_none());
    assert_eq!(at_once(&tokens, &request).secret(), token.secret(), "it is kept as any other");

    let signed_in = tokens.redeem_code(kit.authorization_code("bob", READ).await).await.unwrap();
    let mail = TokenRequest::for_account(scopes("Mail.Read"), signed_in.account);
    tokens.acquire(&mail).await.unwrap();
    let key = SessionKey::new("job-17").unwrap();
    tokens.acquire(&TokenRequest::on_behalf_of(scopes(READ), &alice).keep_as(key.clone())).await.unwrap();
    tokens.acquire(&TokenRequest::for_session(scopes("User.Read"), &key)).await.unwrap();

    let sent = kit.sent();
    let grants: Vec<_> = sent.iter().filter_map(|entry| entry.grant).collect();
    assert_eq!(
        grants,
        [
            Grant::OnBehalfOf,
            Grant::AuthorizationCode,
            Grant::RefreshToken,
            Grant::OnBehalfOf,
            Grant::RefreshToken
        ]
    );
    for entry in &sent {
        assert_eq!((how(entry), entry.field("token_type")), ((SHOWN, true, SIGNED), None), "{entry}");
    }
}

#[tokio::test]
async fn without_it_users_tokens_come_from_where_they_sign_in() {
    let (kit, folder) = (kit(), tempfile::tempdir().unwrap());
    let tokens = acquirer(&kit, ids::API, &json!([file(&write(&folder), false)]));
    let request = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"));
    let token = tokens.acquire(&request).await.unwrap();
    assert!(token.authorization_header().to_str().unwrap().starts_with("Bearer "));
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let sent = kit.sent();
    assert_eq!(
        sent.iter().map(how).collect::<Vec<_>>(),
        [(PLAIN, false, SIGNED), (ISSUED, false, SIGNED)],
        "a region issues to users only over connections with a certificate"
    );
}

#[tokio::test]
async fn each_credential_of_a_list_is_shown_or_not_as_it_says_itself() {
    let (kit, folder) = (kit(), tempfile::tempdir().unwrap());
    let path = write(&folder);
    let secret = json!({
        "SourceType": "ClientSecret", "ClientSecret": ids::DAEMON_SECRET, "UseBoundCredential": true,
    });
    // A secret is never shown, and the certificate behind it is what binds.
    let tokens = acquirer(&kit, ids::DAEMON, &json!([secret, file(&path, true)]));
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert!(tokens.acquire(&bound()).await.unwrap().binding().is_some());
    // A certificate that cannot be read gives its turn to the secret, but binds nothing.
    let tokens = acquirer(&kit, ids::DAEMON, &json!([file(Path::new("/nowhere/app.pem"), true), secret]));
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let error = tokens.acquire(&bound()).await.unwrap_err();
    assert_eq!(who(&error), "the developer");
    for told in ["AzureAd.ClientCredentials[0]", "/nowhere/app.pem", "a client secret cannot be bound"] {
        assert!(error.to_string().contains(told), "{error}");
    }
    let sent = kit.sent();
    let shown: Vec<_> = sent.iter().map(how).collect();
    assert_eq!(shown, [(ISSUED, false, None), (SHOWN, true, None), (ISSUED, false, None)]);
}

#[tokio::test]
async fn what_cannot_be_loaded_is_told_and_nothing_is_bound() {
    let (kit, folder) = (kit(), tempfile::tempdir().unwrap());
    let broken = folder.path().join("broken.pem");
    std::fs::write(&broken, "s3cret?%G&=").unwrap();
    for (credentials, told) in [
        (json!([file(Path::new("/nowhere/app.pem"), false)]), "/nowhere/app.pem"),
        (json!([file(&broken, false)]), "ClientCredentials[0]"),
        (json!([]), "the application has no credential"),
    ] {
        let tokens = acquirer(&kit, ids::DAEMON, &credentials);
        let told_to_all = [
            tokens.acquire(&bound()).await.unwrap_err(),
            tokens.binder().unwrap().binding().await.unwrap_err(),
        ];
        for error in told_to_all {
            assert_eq!(who(&error), "the developer");
            let text = format!("{error:#}");
            assert!(text.contains(told) && !text.contains("s3cret"), "{text}");
        }
    }
    assert_eq!(kit.count(), 0);
}

#[tokio::test]
async fn a_vaults_certificate_is_loaded_once_and_shown() {
    let kit = kit();
    kit.emulator.key_vault().add("app", VaultCertificate::new(ids::APP_CERTIFICATE, ids::APP_KEY));
    let credential = json!({
        "SourceType": "KeyVault", "KeyVaultUrl": kit.emulator.base_url(), "KeyVaultCertificateName": "app",
    });
    let section = json!({
        "Instance": kit.emulator.base_url(), "TenantId": ids::TENANT, "ClientId": ids::DAEMON,
        "ClientCredentials": [credential],
    });
    let application = Application::from_section(&Section::new("AzureAd", section)).unwrap();
    let opener = kit.client(ids::API).secret(ids::API_SECRET);
    let opener = kit.builder(opener).http(kit.http(&[])).build().unwrap();
    let clock = Arc::clone(&kit.clock) as _;
    let tokens =
        builder(application, clock).http(kit.http(&[])).vault_tokens(Arc::new(opener)).build().unwrap();
    let shown = tokens.binder().unwrap().binding().await.unwrap();
    assert_eq!(tokens.acquire(&bound()).await.unwrap().binding(), Some(&shown));
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let read =
        kit.emulator.log().entries().iter().filter(|entry| entry.path.starts_with("/secrets/")).count();
    assert_eq!(read, 1);
    let reports = tokens.credential_reports();
    assert_eq!((reports[0].kind, &reports[0].state), ("KeyVault", &CredentialState::InUse));
}

#[tokio::test]
async fn a_certificate_that_is_shown_is_reported_as_in_use() {
    let (kit, folder) = (kit(), tempfile::tempdir().unwrap());
    let tokens = acquirer(&kit, ids::DAEMON, &json!([file(&write(&folder), false)]));
    assert_eq!(tokens.credential_reports()[0].state, CredentialState::NotTried);
    tokens.binder().unwrap().binding().await.unwrap();
    let report = tokens.credential_reports().remove(0);
    assert_eq!((report.state, report.certificate.is_some()), (CredentialState::InUse, true));
    assert_eq!(kit.count(), 0, "to show it to an API, Entra is not asked");
}

#[tokio::test]
async fn a_bound_token_is_of_a_tenant_that_is_named() {
    let kit = kit();
    let pem = format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY);
    for authority in [
        "https://login.microsoftonline.com",
        "https://login.microsoftonline.us",
        "https://login.partner.microsoftonline.cn",
        "https://login.sovcloud-identity.fr",
        "https://co1.dsts.core.windows.net/dstsv2",
    ] {
        for tenant in ["common", "organizations"] {
            let application = Application::builder().authority(format!("{authority}/{tenant}"));
            let tokens = kit.acquirer(application.client_id(ids::DAEMON).certificate_pem(pem.clone()));
            let error = tokens.acquire(&bound()).await.unwrap_err();
            assert_eq!(who(&error), "the developer", "{authority} {tenant}: {error}");
            tokens.binder().unwrap().check(&bound()).unwrap_err();
        }
    }
}
