//! What Entra will see, judged by a JWT library that shares nothing with ours.

use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm as Jose, DecodingKey, Validation};
use serde_json::{Value, json};
use x509_parser::prelude::parse_x509_certificate;

use super::*;
use crate::credential::signing_certificate;

const RSA: &[u8] = include_bytes!("../../tests/fixtures/keys/rsa.pfx");
const CHAIN: &[u8] = include_bytes!("../../tests/fixtures/keys/chain.pem");
const CLIENT: &str = "22222222-2222-4222-8222-222222222222";
const ENDPOINT: &str = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token";
const NOW: u64 = 1_796_083_200;

/// Signs, and gives back header and claims once the signature has been verified with the key of
/// the certificate.
async fn verified(certificate: &Arc<SigningCertificate>, send_x5c: bool) -> (Value, Value) {
    let client = ClientId::new(CLIENT).unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    let algorithm = Algorithm::Ps256;
    let assertion =
        ClientAssertion { client: &client, audience: ENDPOINT, send_x5c, algorithm, further: None, now };
    let token = assertion.sign(certificate).await.unwrap();
    let der = STANDARD.decode(&certificate.chain()[0]).unwrap();
    let (_, parsed) = parse_x509_certificate(&der).unwrap();
    let key = DecodingKey::from_rsa_der(&parsed.public_key().subject_public_key.data);
    let mut validation = Validation::new(Jose::PS256);
    validation.set_audience(&[ENDPOINT]);
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Value>(token.expose(), &key, &validation).unwrap().claims;
    let header = token.expose().split('.').next().unwrap();
    (serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap(), claims)
}

#[tokio::test]
async fn says_what_microsofts_library_says_and_nothing_else() {
    let (header, mut claims) = verified(&signing_certificate(RSA, None).unwrap(), false).await;
    // The thumbprint was recorded from Microsoft.Identity.Web with this certificate.
    let expected = json!({
        "alg": "PS256", "typ": "JWT", "x5t#S256": "YsG72XeBtbg6a-zB7gRCdIlcLYWqVSg6BB72zpqoe94",
    });
    assert_eq!(header, expected);
    let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
    assert!(entra_abstractions::is_guid(jti.as_str().unwrap()));
    let expected = json!({
        "aud": ENDPOINT, "iss": CLIENT, "sub": CLIENT, "nbf": NOW, "exp": NOW + 600,
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn no_two_assertions_are_the_same() {
    let certificate = signing_certificate(RSA, None).unwrap();
    let (_, first) = verified(&certificate, false).await;
    let (_, second) = verified(&certificate, false).await;
    assert_ne!(first["jti"], second["jti"]);
}

#[tokio::test]
async fn the_chain_goes_along_leaf_first() {
    let certificate = signing_certificate(CHAIN, None).unwrap();
    let (header, _) = verified(&certificate, true).await;
    let subjects: Vec<String> = header["x5c"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let der = STANDARD.decode(entry.as_str().unwrap()).unwrap();
            parse_x509_certificate(&der).unwrap().1.subject().to_string()
        })
        .collect();
    // The file holds them upside down.
    assert_eq!(subjects, ["CN=leaf", "CN=intermediate", "CN=root"]);
}

#[tokio::test]
async fn older_servers_get_the_older_algorithm_and_thumbprint() {
    let certificate = signing_certificate(RSA, None).unwrap();
    let client = ClientId::new(CLIENT).unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    let algorithm = Algorithm::Rs256;
    let assertion = ClientAssertion {
        client: &client,
        audience: ENDPOINT,
        send_x5c: false,
        algorithm,
        further: None,
        now,
    };
    let token = assertion.sign(&certificate).await.unwrap();
    let der = STANDARD.decode(&certificate.chain()[0]).unwrap();
    let key = DecodingKey::from_rsa_der(
        &parse_x509_certificate(&der).unwrap().1.public_key().subject_public_key.data,
    );
    let mut validation = Validation::new(Jose::RS256);
    validation.set_audience(&[ENDPOINT]);
    validation.validate_exp = false;
    let decoded = jsonwebtoken::decode::<Value>(token.expose(), &key, &validation).unwrap();
    let sha1 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &der);
    assert_eq!(decoded.header.x5t, Some(URL_SAFE_NO_PAD.encode(sha1)));
    assert_eq!(decoded.header.x5t_s256, None);
}

#[tokio::test]
async fn what_the_caller_wants_said_is_said_beside() {
    let certificate = signing_certificate(RSA, None).unwrap();
    let client = ClientId::new(CLIENT).unwrap();
    let further =
        JsonClaims::new(r#"{"client_ip":"192.0.2.7","x":{"y":[1]},"iss":"another","exp":0}"#).unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    let assertion = ClientAssertion {
        client: &client,
        audience: ENDPOINT,
        send_x5c: false,
        algorithm: Algorithm::Ps256,
        further: Some(&further),
        now,
    };
    let token = assertion.sign(&certificate).await.unwrap();
    let claims = token.expose().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!((&claims["client_ip"], &claims["x"]["y"]), (&json!("192.0.2.7"), &json!([1])));
    assert_eq!((&claims["iss"], &claims["exp"]), (&json!(CLIENT), &json!(NOW + 600)));
}
