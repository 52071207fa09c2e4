//! Equal keys have equal digests, others have not, and none ever changes.

use std::sync::Arc;

use entra_abstractions::{
    AccountId, AgentUser, Claims, ClientId, FmiPath, ManagedIdentityId, Parameter, PopKey, Scheme, Scopes,
    TenantId,
};
use proptest::prelude::*;

use super::*;
use crate::cache::{Key, Owner};

fn identity(client: &str, at: &str) -> Arc<Identity> {
    let (client, tenant) = (ClientId::new(client).unwrap(), TenantId::new("contoso.example").unwrap());
    Arc::new(Identity::new("https://login.example/".into(), client, tenant.clone(), tenant, at.into()))
}

fn key(identity: &Arc<Identity>, owner: &Owner, tenant: &str, scopes: &str, rest: u8) -> Key {
    let path = FmiPath::new("a/b").unwrap();
    let claims = Claims::new(r#"{"xms":1}"#).unwrap();
    let schemes = [Scheme::Bearer, Scheme::Pop(PopKey::new("eyJraWQiOiJhYmMifQ").unwrap())];
    let parameters = [
        Parameter::shaping(Place::Query, "slice", "s3cret?%G&="),
        Parameter::passing(Place::Query, "trace", "1"),
        Parameter::shaping(Place::Body, "slice", "s3cret?%G&="),
    ];
    let parameters = match rest % 8 / 2 {
        0 => &parameters[..0],
        1 => &parameters[..1],
        2 => &parameters[..2],
        _ => &parameters[2..],
    };
    KeyRef {
        identity,
        owner: owner.as_ref(),
        tenant: &TenantId::new(tenant).unwrap(),
        scopes: &Scopes::try_from(scopes).unwrap(),
        scheme: &schemes[usize::from(rest >= 8)],
        fmi_path: (rest % 2 == 1).then_some(&path),
        client_claims: (rest / 8 == 2).then_some(&claims),
        parameters,
    }
    .to_key()
}

fn owners() -> Vec<Owner> {
    vec![
        Owner::App,
        Owner::Assertion([1; 32]),
        Owner::Assertion([2; 32]),
        Owner::Keeping { session: [1; 32], assertion: [2; 32] },
        Owner::Session([1; 32]),
        Owner::Account(AccountId::new("o", "c").unwrap()),
        Owner::AgentUser(AgentUser::upn("o'brien@contoso.example").unwrap()),
        Owner::AgentUser(AgentUser::upn("bbbbbbbb-0000-4000-8000-000000000002").unwrap()),
        Owner::AgentUser(AgentUser::object_id("bbbbbbbb-0000-4000-8000-000000000002").unwrap()),
        Owner::ManagedIdentity(ManagedIdentityId::System),
        Owner::ManagedIdentity(ManagedIdentityId::client_id("bbbbbbbb-0000-4000-8000-000000000002").unwrap()),
    ]
}

proptest! {
    #[test]
    fn keys_are_equal_where_their_digests_are(
        clients in [0..2_usize, 0..2], owner in [0..11_usize, 0..11], tenant in [0..2_usize, 0..2],
        scopes in [0..4_usize, 0..4], rest in [0..24_u8, 0..24],
    ) {
        let [one, other] = [0, 1].map(|which| key(
            &identity(["client", "client!+id"][clients[which]], ["AzureAd", ""][which]),
            &owners()[owner[which]],
            ["contoso.example", "fabrikam.example"][tenant[which]],
            ["api://x/read api://x/write", "API://x/Write api://X/read", "api://x/read", "api://x/.default"]
                [scopes[which]],
            rest[which],
        ));
        // Where an application is configured tells nothing of its tokens.
        let is_same = clients[0] == clients[1] && one.as_ref().owner == other.as_ref().owner && {
            let (one, other) = (one.as_ref(), other.as_ref());
            one.tenant == other.tenant && one.scopes == other.scopes && one.fmi_path == other.fmi_path
                    && one.scheme == other.scheme && one.client_claims == other.client_claims
                && one.shaping().eq(other.shaping())
        };
        prop_assert_eq!(one.as_ref().digest() == other.as_ref().digest(), is_same);
    }
}

/// Written down, because two versions of this crate may serve side by side.
#[test]
fn the_digest_of_a_key_never_changes() {
    let identity = identity("22222222-2222-4222-8222-222222222222", "AzureAd.TenantId");
    let told: Vec<String> = owners()
        .iter()
        .zip([0, 1, 2, 3, 4, 5, 6, 7, 0, 8, 16])
        .map(|(owner, rest)| {
            let key = key(&identity, owner, "contoso.example", "api://Orders/.default", rest);
            format!("{} {}", key.as_ref().digest(), key.as_ref().subject())
        })
        .collect();
    assert_eq!(told, KNOWN);
}

const KNOWN: &[&str] = &[
    "4JAPzn4WrgC6 app",
    "SDha-g7guc2t assertion:V1aUE9",
    "RkEgiVrCwrHh assertion:47NL6y",
    "pbWjn3M9nMDa session:7cyj2O",
    "04PM2mHE-qbG session:7cyj2O",
    "8cuUwBYlsZmO account:cCtvaw",
    "hSg2MzKqzCy- agent_user:7blfxJ",
    "orvAmczCnoyH agent_user:qrkbYJ",
    "LH_JwXilXSV6 agent_user_id:vzG2et",
    "slowGkgvVJi7 managed_identity",
    "Ui9Y6ajaSaPo managed_identity_client:KY9xF1",
];
