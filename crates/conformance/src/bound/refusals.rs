//! What could never be bound is refused when an API, a Graph or a middleware is made, with the places in
//! the configuration: the one that asks for it, and the one that cannot give it.

use std::sync::Arc;

use entra_abstractions::{AcquireToken, Environment, Misconfigured, Section};
use entra_agent_identities::AgentIdentities;
use entra_downstream_api::{Api, AuthorizationMiddleware, AuthorizationOptions};
use entra_graph::Graph;
use entra_token_acquisition::{Application, ManagedIdentity, TokenAcquirer};
use serde_json::{Value, json};

type Tokens = Arc<dyn AcquireToken>;

fn application(credentials: &Value) -> TokenAcquirer {
    let section = json!({
        "Instance": "https://login.microsoftonline.com/", "TenantId": "contoso.example",
        "ClientId": "22222222-2222-4222-8222-222222222222", "ClientCredentials": credentials,
    });
    let application = Application::from_section(&Section::new("AzureAd", section)).unwrap();
    TokenAcquirer::builder(application).environment(Environment::empty()).build().unwrap()
}

/// What is told of an API, a Graph and a middleware.
fn told(tokens: &Tokens, scheme: &str) -> [String; 3] {
    let text = |result: Result<(), Misconfigured>| {
        result.map_or_else(|fault| format!("{fault:#}"), |()| String::new())
    };
    let section = |more: Value| {
        let mut section = json!({"ProtocolScheme": scheme, "RequestAppToken": true});
        section.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        section
    };
    let orders = section(json!({"BaseUrl": "https://orders.example", "Scopes": ["api://orders/.default"]}));
    let apis = Section::new("DownstreamApis", json!({"Orders": orders}));
    let api = Api::new("Orders", &apis, Arc::clone(tokens)).map(drop);
    let graph =
        Graph::from_section(&Section::new("GraphBeta", section(json!({}))), Arc::clone(tokens)).map(drop);
    let defaults = AuthorizationOptions::new().scopes("api://orders/read").bound();
    let middleware = AuthorizationMiddleware::new(Arc::clone(tokens), defaults).map(drop);
    [text(api), text(graph), text(middleware)]
}

#[test]
fn what_has_no_certificate_is_told_with_both_places() {
    let secret = json!([{"SourceType": "ClientSecret", "ClientSecret": "s3cret?%G&="}]);
    let file = json!([{"SourceType": "SignedAssertionFilePath", "SignedAssertionFileDiskPath": "/nowhere"}]);
    for credentials in [secret, file] {
        let tokens = application(&credentials);
        let agents = AgentIdentities::new(tokens.clone());
        for tokens in [Arc::new(tokens) as Tokens, Arc::new(agents)] {
            for scheme in ["MTLS_POP", "MTLS"] {
                let [api, graph, middleware] = told(&tokens, scheme);
                for (told, at) in
                    [(&api, "DownstreamApis.Orders.ProtocolScheme: "), (&graph, "GraphBeta.ProtocolScheme: ")]
                {
                    assert!(told.contains(at), "{credentials} {told}");
                }
                for told in [api, graph, middleware] {
                    assert!(told.contains("AzureAd.ClientCredentials[0]: "), "{credentials} {told}");
                    assert!(told.contains("cannot be bound to a connection"), "{told}");
                    assert!(
                        told.contains("prove the application by a certificate") && !told.contains("s3cret"),
                        "{told}"
                    );
                }
            }
        }
    }
}

#[test]
fn who_has_a_better_credential_beside_is_not_refused() {
    let credentials = json!([
        {"SourceType": "ClientSecret", "ClientSecret": "s3cret?%G&="},
        {"SourceType": "Path", "CertificateDiskPath": "/later.pem"},
    ]);
    let tokens = Arc::new(application(&credentials)) as Tokens;
    for scheme in ["MTLS_POP", "MTLS"] {
        assert_eq!(told(&tokens, scheme), ["", "", ""]);
    }
}

#[test]
fn a_users_token_is_told_to_be_unbound() {
    let credentials = json!([{"SourceType": "Path", "CertificateDiskPath": "/later.pem"}]);
    let tokens = application(&credentials);
    let told = |of: Result<(), Misconfigured>| of.unwrap_err().to_string();
    let section = json!({"ProtocolScheme": "MTLS_POP", "BaseUrl": "https://orders.example", "Scopes": ["api://orders/read"]});
    let expected = "ProtocolScheme: a user's token cannot be bound to the application's certificate";
    let api = Api::from_section(&Section::new("DownstreamApis.Orders", section), tokens.clone()).map(drop);
    assert!(told(api).contains(&format!("DownstreamApis.Orders.{expected}")));
    let graph = Section::new("GraphBeta", json!({"ProtocolScheme": "MTLS_POP"}));
    assert!(
        told(Graph::from_section(&graph, tokens.clone()).map(drop))
            .contains(&format!("GraphBeta.{expected}"))
    );
    let user = entra_abstractions::UserAssertion::new("h.p.s").unwrap();
    let defaults = AuthorizationOptions::new().scopes("api://orders/read").bound().on_behalf_of(&user);
    let middleware = AuthorizationMiddleware::new(tokens, defaults).map(drop);
    assert!(told(middleware).contains("only an application's own token can be bound"));
}

/// Of a host whose identities get plain tokens only, whoever is asked for them.
#[test]
fn a_managed_identity_that_gets_none_is_told() {
    let environment = || {
        Environment::from_pairs([
            ("IDENTITY_ENDPOINT", "http://127.0.0.1:41741/msi/token"),
            ("IDENTITY_HEADER", "s3cret?%G&="),
        ])
    };
    let identity = ManagedIdentity::system().environment(environment()).build().unwrap();
    let [api, graph, middleware] = told(&(Arc::new(identity) as Tokens), "MTLS_POP");
    assert!(api.contains("DownstreamApis.Orders.ProtocolScheme: "), "{api}");
    assert!(graph.contains("GraphBeta.ProtocolScheme: "), "{graph}");
    assert!(!middleware.is_empty() && !api.contains("s3cret"), "{api}");

    let credentials = json!([{"SourceType": "Path", "CertificateDiskPath": "/later.pem"}]);
    let section = json!({
        "BaseUrl": "https://orders.example", "Scopes": ["api://orders/.default"], "ProtocolScheme": "MTLS_POP",
        "AcquireTokenOptions": {"ManagedIdentity": {}},
    });
    let orders = Section::new("DownstreamApis.Orders", section);
    let api = Api::from_section(&orders, application(&credentials)).map(drop).unwrap_err().to_string();
    assert!(api.contains("DownstreamApis.Orders.ProtocolScheme: "), "{api}");
}
