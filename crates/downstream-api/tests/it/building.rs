//! What is refused when an API is built, all of it at once, and what is accepted.

use entra_abstractions::Section;
use entra_downstream_api::Api;
use serde_json::{Value, json};

use crate::server::tokens;

/// Builds the API `Orders` of these keys and returns what is told.
fn told(orders: &Value) -> String {
    let section = Section::new("DownstreamApis", json!({ "Orders": orders }));
    Api::new("Orders", &section, tokens()).map_or_else(|error| format!("{error:#}"), |_| String::new())
}

/// The keys of a good API with some of them replaced.
fn with(more: &Value) -> Value {
    let mut orders = json!({"BaseUrl": "https://orders.example/v1", "Scopes": ["api://orders/read"]});
    for (key, value) in more.as_object().unwrap() {
        orders[key] = value.clone();
    }
    orders
}

#[test]
fn an_unknown_name_is_told_with_the_known_ones() {
    let apis = Section::new("DownstreamApis", json!({"Orders": with(&json!({})), "Stock": with(&json!({}))}));
    let told = |name: &str| Api::new(name, &apis, tokens()).unwrap_err().to_string();
    assert_eq!(
        told("Order"),
        "DownstreamApis: no API is called \"Order\" (did you mean Orders? configured are: Orders, Stock)"
    );
    assert_eq!(told(""), "DownstreamApis: no API is called \"\" (configured are: Orders, Stock)");
    assert!(Api::new("orders", &apis, tokens()).is_ok());
    let nothing = Section::new("DownstreamApis", Value::Null);
    assert_eq!(
        Api::new("Orders", &nothing, tokens()).unwrap_err().to_string(),
        "DownstreamApis: no API is called \"Orders\" (none is configured in this section)"
    );
}

#[test]
fn every_fault_is_told_at_once_with_its_path() {
    let told = told(&json!({
        "BaseURI": "https://orders.example",
        "Scopes": [],
        "RelativePath": "../up",
        "ProtocolScheme": "Saml",
        "HttpMethod": "Fetch",
        "Timeout": "soon",
        "ExtraHeaderParameters": {"bad name": "s3cret?%G&="},
        "AcquireTokenOptions": {"Tennant": "x", "Tenant": "your-tenant-id", "Claims": "no", "PopClaim": "x"},
    }));
    for expected in [
        "DownstreamApis.Orders.BaseURI: unknown key (did you mean BaseUrl?)",
        "DownstreamApis.Orders.BaseUrl: the base URL is missing",
        "DownstreamApis.Orders.Scopes: the API has no scopes",
        "DownstreamApis.Orders.RelativePath: the relative path climbs out",
        "DownstreamApis.Orders.ProtocolScheme: unknown scheme (one of Bearer, MTLS_POP, MTLS)",
        "DownstreamApis.Orders.HttpMethod: unknown HTTP method",
        "DownstreamApis.Orders.Timeout: not a time that can be waited",
        "DownstreamApis.Orders.ExtraHeaderParameters.bad name: \"bad name\" is not a header's name",
        "DownstreamApis.Orders.AcquireTokenOptions.Tennant: unknown key (did you mean Tenant?)",
        "DownstreamApis.Orders.AcquireTokenOptions.Tenant: \"your-tenant-id\" is a placeholder",
        "DownstreamApis.Orders.AcquireTokenOptions.Claims: the claims are not a JSON object",
        "DownstreamApis.Orders.AcquireTokenOptions.PopClaim: the claim of the key is not a JSON object",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    assert!(told.starts_with("12 faults") && !told.contains("s3cret"), "{told}");
}

#[test]
fn each_value_by_itself() {
    let check = |more: Value, expected: &str| {
        let told = told(&with(&more));
        assert!(
            if expected.is_empty() { told.is_empty() } else { told.contains(expected) },
            "{more}: {told}"
        );
    };
    check(json!({}), "");
    check(json!({"Scopes": "api://orders/read api://orders/write"}), "");
    check(json!({"Scopes": null}), "the API has no scopes");
    check(json!({"Scopes": [""]}), "the API has no scopes");
    check(json!({"Scopes": ["a\"b"]}), "characters that no scope has");
    check(json!({"Scopes": ["api://your-api/.default"]}), "a scope is a placeholder");
    check(json!({"Scopes": null, "Anonymous": true}), "");
    check(json!({"Anonymous": true}), "remove Scopes or Anonymous");
    check(json!({"BaseUrl": "/v1"}), "DownstreamApis.Orders.BaseUrl: not an absolute URL");
    check(json!({"BaseUrl": "http://orders.example"}), "not an https URL");
    check(json!({"BaseUrl": "http://localhost:5000"}), "");
    check(json!({"BaseUrl": "<your-api-url>"}), "the base URL is a placeholder");
    let session = |key: &str| json!({"AcquireTokenOptions": {"LongRunningWebApiSessionKey": key}});
    check(session("job-17"), "");
    check(
        session("AllocateForMe"),
        "DownstreamApis.Orders.AcquireTokenOptions.LongRunningWebApiSessionKey: AllocateForMe is not a session \
         key but a request to make one (in code, pass SessionKey::allocate() to keep_as,",
    );
    for other in ["RequestAppToken", "Anonymous"] {
        let mut more = session("job-17");
        more[other] = json!(true);
        check(
            more,
            &format!(
                "LongRunningWebApiSessionKey: a session is a user's, and the API is called with {other}"
            ),
        );
    }
    check(json!({ "ProtocolScheme": "PoP" }), "ProtocolScheme: requests are not signed here");
    check(
        json!({ "ProtocolScheme": "MTLS_POP" }),
        "DownstreamApis.Orders.ProtocolScheme: a user's token cannot be bound to the application's certificate",
    );
    let bound = |more: Value| {
        let mut written = json!({"ProtocolScheme": "mtls_pop", "RequestAppToken": true});
        written.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        written
    };
    check(bound(json!({})), "ProtocolScheme: the acquirer of this API has no certificate to show");
    check(bound(json!({"BaseUrl": "http://localhost:1/x"})), "a certificate is shown over https only");
    check(
        bound(json!({"AcquireTokenOptions": {"PopPublicKey": "eyJraWQiOiJhYmMifQ"}})),
        "ProtocolScheme: a token has one binding",
    );
    check(
        json!({"ProtocolScheme": "MTLS"}),
        "DownstreamApis.Orders.ProtocolScheme: the acquirer of this API has no certificate to show",
    );
    check(
        json!({"ProtocolScheme": "MTLS", "AcquireTokenOptions": {"ManagedIdentity": {}}}),
        "ProtocolScheme: the certificate that is shown without a token is the application's",
    );
    check(json!({"ProtocolScheme": "bearer", "Timeout": 5, "HttpMethod": "post", "HttpClientName": "x"}), "");
    check(
        json!({"Timeout": "00:00:30", "AcceptHeader": "", "ExtraHeaderParameters": {"Authorization": "x"}}),
        "",
    );
    check(json!({"AcceptHeader": "a\nb"}), "DownstreamApis.Orders.AcceptHeader: the value");
    let options = |options: Value| json!({ "AcquireTokenOptions": options });
    check(options(json!({"PopPublicKey": "eyJraWQiOiJhYmMifQ", "PopClaim": "{\"kid\":\"abc\"}"})), "");
    check(
        options(json!({"PopPublicKey": "a&b"})),
        "AcquireTokenOptions.PopPublicKey: the public key is not base64url",
    );
    check(
        options(json!({"ExtraHeadersParameters": {"x-note": "1"}, "ExtraQueryParameters": {"dc": "1"}})),
        "",
    );
    check(
        options(json!({"ExtraParameters": {
            "EXTRA_BODY_PARAMETERS": {"attributes": "{}"},
            "IDWEB_CLIENT_ASSERTION_CLAIMS": "{\"a\":1}",
        }})),
        "",
    );
    check(
        options(json!({"ExtraParameters": {"IDWEB_AGENT_IDENTITY": "x"}})),
        "AcquireTokenOptions.ExtraParameters.IDWEB_AGENT_IDENTITY: unknown key",
    );
    assert!(
        told(&json!("https://orders.example")).contains("DownstreamApis.Orders: a section is expected here")
    );
}

#[test]
fn the_same_in_the_program() {
    let build = || Api::builder("Orders").base_url("https://orders.example").scopes(["api://orders/read"]);
    let api = build().tenant("contoso.example").build(tokens()).unwrap();
    assert_eq!(api.name(), "Orders");
    assert_eq!(
        format!("{api:?}"),
        "Api { name: \"Orders\", base_url: \"https://orders.example/\", scopes: [\"api://orders/read\"], .. }"
    );
    let error = build().scopes("").tenant("").base_url("x").build(tokens()).unwrap_err();
    let told = format!("{error:#}");
    for expected in
        ["Orders.Scopes: no scope is given", "Orders.AcquireTokenOptions.Tenant: ", "Orders.BaseUrl: "]
    {
        assert!(told.contains(expected), "{told}");
    }
    assert_eq!(error.faults().len(), 3, "{told}");
}

#[test]
fn what_is_said_last_wins() {
    let section = Section::new("Orders", with(&json!({"Scopes": []})));
    let api = Api::builder("Orders").section(&section).scopes("api://other/read").build(tokens()).unwrap();
    assert!(format!("{api:?}").contains("api://other/read"));
    assert_eq!(
        Api::from_section(&Section::new("A.B.Stock", with(&json!({}))), tokens()).unwrap().name(),
        "Stock"
    );
}

#[test]
fn the_apis_that_documents_show() {
    let check = |api: &str, told: &str| {
        let section = Section::new("DownstreamApis.X", serde_json::from_str(api).unwrap());
        let error = Api::from_section(&section, tokens())
            .map_or_else(|error| format!("{error:#}"), |_| String::new());
        assert!(if told.is_empty() { error.is_empty() } else { error.contains(told) }, "{api}: {error}");
    };
    check(
        r#"{"BaseUrl": "https://api.example.com", "Scopes": ["api://my-api-client-id/read", "api://my-api-client-id/write"],
            "RelativePath": "/api/v1", "RequestAppToken": false}"#,
        "",
    );
    check(r#"{"BaseUrl": "https://graph.microsoft.com/v1.0", "Scopes": ["User.Read", "Mail.Read"]}"#, "");
    check(r#"{"BaseUrl": "https://partnerapi.example.com", "Scopes": ["api://partner-api-id/read"]}"#, "");
    let bound = r#"{"BaseUrl": "https://api.contoso.com/", "RelativePath": "api/data", "ProtocolScheme": "MTLS_POP",
        "RequestAppToken": true, "Scopes": [ "api://your-api/.default" ]}"#;
    check(bound, "X.Scopes: a scope is a placeholder");
}
