//! Authorities lead to the host and tenant that were written, or nowhere.

use entra_abstractions::{Authority, AuthorityKind, TenantId, is_safe};
use proptest::prelude::*;
use url::Url;

/// Pieces out of which hostile URLs are made.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "https:",
            "http:",
            "//",
            "/",
            "\\",
            "..",
            ".",
            "%2e",
            "%2F",
            "?",
            "?policy=p",
            "#",
            "@",
            ":",
            ":443",
            "[::1]",
            "127.0.0.1",
            "localhost",
            "login.microsoftonline.com",
            "evil.example",
            "common",
            "tfp",
            "adfs",
            "contoso.example",
            "v2.0",
            "\t",
            "\n",
            " ",
            "é",
            "{tenant}",
            "<t>",
        ])
        .prop_map(str::to_owned),
        ".{0,3}",
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_well_is_accepted(
        host in prop::sample::select(vec![
            "login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn",
        ]),
        tenant in "[a-z][a-z0-9]{0,20}(\\.[a-z]{2,8}){1,2}",
        tail in prop::sample::select(vec!["", "/", "/v2.0", "/v2.0/", "?dc=x", "/v2.0#y"]),
    ) {
        let instance = format!("https://{host}");
        let expected = Some(format!("{instance}/{tenant}/oauth2/v2.0/token"));
        let parsed = Authority::parse(&format!("{instance}/{tenant}{tail}")).unwrap();
        prop_assert_eq!(parsed.token_endpoint(parsed.tenant()).map(String::from), expected.clone());
        let built = Authority::new(&instance, TenantId::new(&tenant).unwrap()).unwrap();
        prop_assert_eq!(built.token_endpoint(built.tenant()).map(String::from), expected);
        prop_assert_eq!(built, parsed);
    }

    #[test]
    fn no_text_leads_elsewhere(url in hostile(), tenant in hostile()) {
        let tenant = TenantId::new(tenant).ok();
        let built = tenant.and_then(|tenant| Authority::new(&url, tenant).ok());
        let parsed = [Authority::parse(&url), Authority::discovered(&url)].into_iter().flatten();
        for authority in built.into_iter().chain(parsed) {
            let written = Url::parse(url.trim()).unwrap();
            let tenant = authority.tenant();
            let endpoints = [
                authority.token_endpoint(tenant),
                authority.authorize_endpoint(tenant),
                Some(authority.metadata_endpoint(tenant)),
                authority.metadata_endpoint_v1(tenant),
            ];
            for endpoint in endpoints.into_iter().flatten() {
                prop_assert!(is_safe(&endpoint), "{endpoint}");
                prop_assert_eq!(endpoint.origin(), written.origin());
                prop_assert!(endpoint.username().is_empty() && endpoint.password().is_none(), "{endpoint}");
                let own = written.query().filter(|query| !query.is_empty());
                // What was written behind a provider's own URL stays there, and nowhere else.
                let query = own.filter(|_| authority.kind() == AuthorityKind::Oidc);
                prop_assert_eq!((endpoint.query(), endpoint.fragment()), (query, None));
            }
        }
    }
}
