//! Which credential proves the application, and what is told of those that cannot.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::{
    AcquireToken, Authority, ClientId, Clock, Cloud, CorrelationId, Environment, Exchange, HttpSettings,
    Secret, SignedAssertion, TenantId, Unavailable,
    testing::{ManualClock, assert_no_secrets},
};

use super::{proof::JWT_BEARER, ready::FEDERATED_TOKEN_FILE, *};

const SECRET: &str = "s3cret?%G&=";
const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrOHMifQ.c2ln";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys").join(name)
}

fn file(name: &str) -> CredentialSource {
    CredentialSource::CertificateFile { path: fixture(name), password: None }
}

fn locked_file(name: &str, password: &str) -> CredentialSource {
    CredentialSource::CertificateFile { path: fixture(name), password: Some(password.into()) }
}

fn secret() -> CredentialSource {
    CredentialSource::Secret(SECRET.into())
}

/// 2026-12-01.
fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_083_200)))
}

struct Nobody;

impl FindAcquirers for Nobody {
    fn managed_identity(&self, _: Option<&str>) -> Result<Arc<dyn AcquireToken>, Misconfigured> {
        Err(Misconfigured::new("there is none here"))
    }

    fn workload_identity(&self, _: Option<&str>) -> Result<Option<Arc<dyn AcquireToken>>, Misconfigured> {
        Ok(None)
    }

    fn application(&self, _: &str) -> Result<(Arc<dyn AcquireToken>, Option<String>), Misconfigured> {
        Err(Misconfigured::new("there is none here"))
    }
}

/// What surrounds credentials: nothing but these variables and providers.
fn ready(
    descriptions: &[CredentialDescription],
    providers: &[(String, Arc<dyn ProvideAssertion>)],
    environment: &Environment,
    clock: Arc<ManualClock>,
) -> Result<CredentialChain, Misconfigured> {
    let clock: Arc<dyn Clock> = clock;
    let http = crate::http::build(
        &HttpSettings::default(),
        &Authority::new("http://localhost", TenantId::new("contoso.example")?)?,
    )?;
    let surroundings = Surroundings {
        providers,
        others: &Nobody,
        vault_tokens: None,
        cloud: Cloud::Public,
        manner: Manner { algorithm: Algorithm::Ps256, reusable: true, send_x5c: false },
        http: &http,
        environment,
        clock: &clock,
    };
    CredentialChain::new(descriptions, &surroundings)
}

fn chain_at(clock: Arc<ManualClock>, sources: impl IntoIterator<Item = CredentialSource>) -> CredentialChain {
    let descriptions: Vec<CredentialDescription> = sources
        .into_iter()
        .enumerate()
        .map(|(index, source)| {
            CredentialDescription::new(format!("AzureAd.ClientCredentials[{index}]"), source)
        })
        .collect();
    ready(&descriptions, &[], &Environment::empty(), clock).unwrap()
}

fn chain(sources: impl IntoIterator<Item = CredentialSource>) -> CredentialChain {
    chain_at(clock(), sources)
}

async fn prove(chain: &CredentialChain) -> Result<Vec<(&'static str, String)>, TokenError> {
    let client = ClientId::new("22222222-2222-4222-8222-222222222222").unwrap();
    let endpoint = "https://login.example/contoso.example/oauth2/v2.0/token";
    let proof = chain.prove(&AssertionContext::new(client, endpoint, CorrelationId::random())).await?;
    Ok(proof.fields().map(|(name, value)| (name, value.expose().to_owned())).collect())
}

/// The thumbprint of the certificate that signed, or the secret, or what went wrong.
async fn outcome(chain: &CredentialChain) -> String {
    match prove(chain).await {
        Err(error) => error.to_string(),
        Ok(fields) => match fields.as_slice() {
            [("client_secret", secret)] => secret.clone(),
            [("client_assertion_type", kind), ("client_assertion", assertion)] if kind == JWT_BEARER => {
                thumbprint(assertion)
            }
            other => panic!("{other:?}"),
        },
    }
}

fn thumbprint(assertion: &str) -> String {
    let header = assertion.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    header["x5t#S256"].as_str().unwrap_or(assertion).to_owned()
}

const RSA: &str = "YsG72XeBtbg6a-zB7gRCdIlcLYWqVSg6BB72zpqoe94";

#[tokio::test]
async fn certificates_in_every_wrapping() {
    for source in [
        file("rsa.pfx"),
        file("plain.pfx"),
        file("rsa.pem"),
        file("rsa-pkcs1.pem"),
        locked_file("locked.pfx", "opensesame"),
        locked_file("legacy.pfx", "opensesame"),
        locked_file("rsa-locked.pem", "opensesame"),
    ] {
        let shown = format!("{source:?}");
        assert_eq!(outcome(&chain([source])).await, RSA, "{shown}");
    }
}

#[tokio::test]
async fn certificates_as_values() {
    let pem = fs::read_to_string(fixture("rsa.pem")).unwrap();
    let with_mark_and_returns = format!("\u{feff}{}", pem.replace('\n', "\r\n"));
    let pfx = STANDARD.encode(fs::read(fixture("rsa.pfx")).unwrap());
    let lines: Vec<&str> = pfx.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    let broken_into_lines = lines.join(
        "
",
    );
    for value in [
        STANDARD.encode(&pem),
        STANDARD.encode(with_mark_and_returns),
        format!("\n{pem}"),
        broken_into_lines,
        pfx,
    ] {
        let source = CredentialSource::CertificateEncoded { value: value.into(), password: None };
        assert_eq!(outcome(&chain([source])).await, RSA);
    }
}

#[tokio::test]
async fn what_cannot_sign_is_told_with_its_place() {
    for (source, expected) in [
        (file("expired.pfx"), "the certificate expired on 2021-01-01"),
        (file("ec.pfx"), "the certificate's key is not RSA, and Entra takes no other"),
        (file("ec.pem"), "the certificate's key is not RSA, and Entra takes no other"),
        (file("small.pem"), "the private key is damaged, or not RSA of 2048 to 8192 bits"),
        (file("mismatched.pem"), "the private key does not belong to the certificate"),
        (file("locked.pfx"), "the PFX file is locked and there is no password for it"),
        (locked_file("locked.pfx", "wrong"), "the password does not open the PFX file"),
        (locked_file("legacy.pfx", "wrong"), "the password does not open the PFX file"),
        (file("rsa-locked.pem"), "the private key is locked and there is no password for it"),
        (locked_file("rsa-locked.pem", "wrong"), "the password does not open the private key"),
        (
            locked_file("rsa-locked-traditional.pem", "opensesame"),
            "the private key is locked in the way of old OpenSSL versions",
        ),
        (file("none.pfx"), &*format!("cannot read {:?}: there is no such file", fixture("none.pfx"))),
        (file(""), &*format!("cannot read {:?}: it is not a file", fixture(""))),
        (
            CredentialSource::AssertionFile { path: None },
            "no file is given, and AZURE_FEDERATED_TOKEN_FILE is not set",
        ),
        (
            CredentialSource::AssertionFile { path: Some(fixture("rsa.pem")) },
            &*format!("{:?} holds no signed assertion", fixture("rsa.pem")),
        ),
    ] {
        let told = outcome(&chain([source])).await;
        assert!(told.starts_with(&format!("AzureAd.ClientCredentials[0]: {expected}")), "{told}");
    }
}

#[tokio::test]
async fn a_certificate_has_its_time() {
    let clock = clock();
    let chain = chain_at(clock.clone(), [file("rsa.pfx"), secret()]);
    assert_eq!(outcome(&chain).await, RSA);
    clock.set(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    assert_eq!(outcome(&chain).await, SECRET);
    let alone = chain_at(clock, [file("rsa.pfx")]);
    let told = outcome(&alone).await;
    assert!(told.contains("the certificate is valid only from 2024-01-01"), "{told}");
}

#[tokio::test]
async fn the_first_usable_one_is_used_and_kept() {
    assert_eq!(outcome(&chain([file("rsa.pfx"), file("rotated.pem"), secret()])).await, RSA);
    assert_eq!(outcome(&chain([secret(), file("rsa.pfx")])).await, SECRET);

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("late.pfx");
    let late = CredentialSource::CertificateFile { path: path.clone(), password: None };
    let chain = chain([late, file("expired.pfx"), secret()]);
    assert_eq!(outcome(&chain).await, SECRET);
    fs::copy(fixture("rsa.pfx"), path).unwrap();
    assert_eq!(outcome(&chain).await, SECRET);
}

#[tokio::test]
async fn where_none_is_usable_each_is_told() {
    let told =
        outcome(&chain([file("none.pfx"), file("expired.pfx"), locked_file("locked.pfx", SECRET)])).await;
    let places: Vec<usize> =
        (0..3).map(|index| told.find(&format!("AzureAd.ClientCredentials[{index}]: ")).unwrap()).collect();
    assert!(told.starts_with("3 faults: ") && places.is_sorted(), "{told}");
    assert_no_secrets(&told, [SECRET]);

    let told = outcome(&chain([])).await;
    assert!(told.starts_with("the application has no credential"), "{told}");
}

#[tokio::test]
async fn a_certificate_that_is_replaced_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("current.pem");
    fs::copy(fixture("rsa.pem"), &path).unwrap();
    let chain = chain([CredentialSource::CertificateFile { path: path.clone(), password: None }, secret()]);
    assert_eq!(outcome(&chain).await, RSA);

    // As Kubernetes does it: written beside it, then swapped in.
    let next = directory.path().join("next.pem");
    fs::copy(fixture("rotated.pem"), &next).unwrap();
    fs::rename(next, &path).unwrap();
    let rotated = outcome(&chain).await;
    assert!(rotated != RSA && rotated != SECRET, "{rotated}");

    // A half-written file does not throw away the good one, nor does one that is gone.
    fs::write(&path, "-----BEGIN CERTIFICATE-----\nMIIC").unwrap();
    assert_eq!(outcome(&chain).await, rotated);
    fs::remove_file(&path).unwrap();
    assert_eq!(outcome(&chain).await, rotated);
    fs::copy(fixture("rsa.pem"), &path).unwrap();
    assert_eq!(outcome(&chain).await, RSA);
}

#[tokio::test]
async fn an_assertion_file_is_read_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let environment = Environment::from_pairs([(FEDERATED_TOKEN_FILE, path.to_str().unwrap())]);
    let description = CredentialDescription::new("x", CredentialSource::AssertionFile { path: None });
    let chain = ready(&[description], &[], &environment, clock()).unwrap();
    // The same length, within one tick of the file's time.
    for token in [JWT.to_owned(), JWT.replace("c2ln", "c2lo")] {
        fs::write(&path, format!("{token}\n")).unwrap();
        assert_eq!(outcome(&chain).await, token);
    }
    for hostile in ["", "a.b", "a..c", "a.b.c.d", "a b.c.d", "a.b.c\na.b.c", "\u{0}.a.b"] {
        fs::write(&path, hostile).unwrap();
        assert!(prove(&chain).await.is_err(), "{hostile:?}");
    }
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(prove(&chain).await.is_err());
}

#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<Vec<Result<&'static str, TokenError>>>,
    asked: AtomicUsize,
}

impl Scripted {
    fn new(answers: impl IntoIterator<Item = Result<&'static str, TokenError>>) -> Arc<Self> {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl ProvideAssertion for Scripted {
    async fn assertion(&self, _: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.answers.lock().unwrap().pop().unwrap().map(SignedAssertion::new)
    }
}

fn outage() -> TokenError {
    Unavailable::new(Exchange::new("client_credentials", "login.example"), "throttled").into()
}

#[tokio::test]
async fn a_provider_is_asked_once_for_each_proof() {
    let provider = Scripted::new([Ok(JWT), Ok(""), Err(outage())]);
    let chain = chain([CredentialSource::Provider(provider.clone()), secret()]);
    assert_eq!(outcome(&chain).await, JWT);
    assert_eq!(outcome(&chain).await, SECRET);
    // The choice stays with the secret.
    assert_eq!(outcome(&chain).await, SECRET);
    assert_eq!(provider.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_failure_that_passes_by_itself_is_told_as_such() {
    let provider = Scripted::new([Err(outage()), Err(outage())]);
    let error = prove(&CredentialChain::of_assertion(provider.clone())).await.unwrap_err();
    assert!(error.is_unavailable());
    let error = prove(&chain([file("none.pfx"), CredentialSource::Provider(provider)])).await.unwrap_err();
    assert!(error.is_unavailable());
}

#[test]
fn an_unknown_provider_is_refused_with_the_known_names() {
    let description = CredentialDescription::new(
        "AzureAd.ClientCredentials[0]",
        CredentialSource::NamedProvider {
            name: "Vualt".into(),
            settings: ProviderSettings::default(),
            audience: None,
        },
    );
    let check = |names: &[&str]| {
        let providers: Vec<(String, Arc<dyn ProvideAssertion>)> =
            names.iter().map(|name| ((*name).to_owned(), Scripted::new([]) as _)).collect();
        let descriptions = [description.clone()];
        ready(&descriptions, &providers, &Environment::empty(), clock()).unwrap_err().to_string()
    };
    let expected = r#"AzureAd.ClientCredentials[0]: there is no assertion provider "Vualt""#;
    assert_eq!(check(&["Vault", "Pipeline"]), format!("{expected} (did you mean Vault?)"));
    assert_eq!(
        check(&["Pipeline", "Zone"]),
        format!("{expected} (there is Pipeline, Zone, OidcIdpSignedAssertion, AzurePipelines)")
    );
    assert!(check(&[]).contains("assertion_provider(name, provider)"));
}

#[test]
fn hostile_content_is_refused_without_breaking() {
    let pfx = fs::read(fixture("plain.pfx")).unwrap();
    let pem = fs::read(fixture("rsa.pem")).unwrap();
    let locked = fs::read(fixture("rsa-locked.pem")).unwrap();
    let wrong = Secret::from("wrong");
    for whole in [&pfx, &pem] {
        // Not the last line: an end that is cut off is an end all the same.
        for end in (0..whole.len() - 40).step_by(7) {
            assert!(signing_certificate(&whole[..end], None).is_err(), "cut at {end}");
        }
        for at in (0..whole.len()).step_by(11) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x81;
            // Some flips hit what nobody reads; the others are told. Neither may panic.
            let told = signing_certificate(&flipped, None).err();
            assert!(told.is_none_or(|fault| !fault.to_string().is_empty()));
        }
    }
    for end in (0..locked.len() - 40).step_by(97) {
        assert!(signing_certificate(&locked[..end], Some(&wrong)).is_err(), "cut at {end}");
    }
    for garbage in
        [&b""[..], b"0", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"-----BEGIN ", b"-----BEGIN -----"]
    {
        assert!(signing_certificate(garbage, None).is_err(), "{garbage:?}");
    }
}

#[tokio::test]
async fn huge_and_nonsensical_values_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("huge.pem");
    fs::write(&path, vec![b'A'; file::LARGEST + 1]).unwrap();
    let told = outcome(&chain([CredentialSource::CertificateFile { path, password: None }])).await;
    assert!(told.contains("it is larger than 1 MiB"), "{told}");
    for (value, expected) in [
        ("A".repeat(file::LARGEST + 1), "the certificate is larger than 1 MiB"),
        ("s3cret?%G&=".to_owned(), "the certificate is not base64"),
        (STANDARD.encode("s3cret?%G&="), "neither PEM nor PFX"),
    ] {
        let source = CredentialSource::CertificateEncoded { value: value.into(), password: None };
        let error = prove(&chain([source])).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_no_secrets(&format!("{error} {error:?}"), ["s3cret"]);
    }
}

#[tokio::test]
async fn nothing_shows_a_secret() {
    let chain = chain([secret(), locked_file("locked.pfx", "opensesame")]);
    let descriptions = [CredentialDescription::new("x", locked_file("locked.pfx", "opensesame"))];
    let context = AssertionContext::new(
        ClientId::new("22222222-2222-4222-8222-222222222222").unwrap(),
        "https://login.example/token",
        CorrelationId::random(),
    );
    let proof = chain.prove(&context).await.unwrap();
    assert_no_secrets(&format!("{chain:?} {descriptions:?} {proof:?}"), [SECRET, "opensesame"]);
}
