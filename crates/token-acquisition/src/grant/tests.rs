//! What each grant puts into the form.

use entra_abstractions::{AgentUser, FmiPath, Scopes, Secret, UserAssertion};

use super::*;
use crate::wire::Form;

fn written(write: impl FnOnce(&mut Form)) -> String {
    let mut form = Form::default();
    write(&mut form);
    form.encode().expose().to_owned()
}

fn scopes(text: &str) -> Scopes {
    Scopes::try_from(text).unwrap()
}

#[test]
fn a_hostile_assertion_stays_in_its_field() {
    let assertion = UserAssertion::new("h.p.s&grant_type=x").unwrap();
    let scopes = scopes("User.Read");
    assert_eq!(
        written(|form| OnBehalfOf { assertion: &assertion, scopes: &scopes }.write(form)),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&requested_token_use=on_behalf_of\
         &assertion=h.p.s%26grant_type%3Dx&scope=User.Read%20openid%20profile%20offline_access&client_info=1"
    );
}

#[test]
fn an_application_asks_only_for_what_was_asked() {
    let (scopes, path) = (scopes("api://AzureADTokenExchange/.default"), FmiPath::new("a/b c").unwrap());
    assert_eq!(
        written(|form| ClientCredentials { scopes: &scopes, fmi_path: Some(&path) }.write(form)),
        "grant_type=client_credentials&scope=api%3A%2F%2FAzureADTokenExchange%2F.default&client_info=2&fmi_path=a%2Fb%20c"
    );
}

#[test]
fn a_user_is_named_one_way() {
    let scopes = scopes("offline_access User.Read OpenId email");
    let user = AgentUser::upn("o'hara+x@contoso.example").unwrap();
    let credential = Secret::new("t2");
    assert_eq!(
        written(|form| UserFederated { credential: (&credential).into(), user: &user, scopes: &scopes }
            .write(form)),
        "grant_type=user_fic&user_federated_identity_credential=t2&username=o%27hara%2Bx%40contoso.example\
         &scope=User.Read%20email%20openid%20profile%20offline_access&client_info=1"
    );
}

#[test]
fn a_code_goes_with_its_verifier() {
    let (code, verifier) = (Secret::new("0.AX"), Secret::new("dBjftJeZ4CVP"));
    let scopes = scopes("User.Read");
    let grant = RedeemCode {
        code: &code,
        verifier: Some(&verifier),
        redirect_uri: "https://app.example/cb",
        scopes: &scopes,
    };
    let form = written(|form| grant.write(form));
    assert!(
        form.contains("code=0.AX&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&code_verifier=dBjftJeZ4CVP"),
        "{form}"
    );
    let token = Secret::new("rt");
    let form = written(|form| RefreshToken { token: &token, scopes: &scopes }.write(form));
    assert!(form.starts_with("grant_type=refresh_token&refresh_token=rt&"), "{form}");
}
