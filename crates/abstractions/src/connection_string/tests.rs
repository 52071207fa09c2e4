//! A name leads to its entry, and no error shows what stands there.

use serde_json::json;

use super::*;

fn root() -> Section {
    Section::new(
        "",
        json!({
            "ConnectionStrings": {
                "Redis": "cache.contoso.example:6380,password=s3cret?%G&=,ssl=True",
                "Empty": "<your connection string>",
            },
            "TokenCache": { "ConnectionString": "redis" },
            "Inline": { "ConnectionString": "redis://:s3cret@cache.example/0" },
        }),
    )
}

#[test]
fn a_name_leads_to_its_entry() {
    let found = ConnectionString::from_section(&root().section("TokenCache"), &root()).unwrap();
    assert_eq!(found.path(), "ConnectionStrings.redis");
    assert!(found.text().expose().starts_with("cache.contoso.example:6380,"));
    assert!(!found.is_url());
    assert_eq!(format!("{found:?}"), r#"ConnectionString { path: "ConnectionStrings.redis", .. }"#);
}

#[test]
fn what_is_no_name_is_the_string_itself() {
    let found = ConnectionString::from_section(&root().section("Inline"), &root()).unwrap();
    assert_eq!(found.path(), "Inline.ConnectionString");
    assert_eq!(found.scheme().as_deref(), Some("redis"));
    assert_eq!(found.url().unwrap().host_str(), Some("cache.example"));
    for text in ["localhost", "redis:6379", "Server=a", "tokens.db", "sqlite:tokens.db", "10.0.0.1"] {
        assert_eq!(ConnectionString::of(&root(), text).unwrap().text().expose(), text);
    }
    let scheme = |text: &str| ConnectionString::of(&root(), text).unwrap().scheme();
    assert_eq!(scheme("sqlite:tokens.db").as_deref(), Some("sqlite"));
    assert_eq!(scheme("Postgres://h/db").as_deref(), Some("postgres"));
    assert_eq!(scheme("redis:6379,password=a"), None);
    assert_eq!(scheme("AccountEndpoint=https://a.example/;AccountKey=b"), None);
    assert_eq!(scheme("C://tokens.db"), None);
}

#[test]
fn faults_have_their_place() {
    let told = |section: &str, json| {
        let section = Section::new(section, json);
        ConnectionString::from_section(&section, &root()).unwrap_err().to_string()
    };
    assert_eq!(
        told("TokenCache", json!({})),
        "TokenCache.ConnectionString: missing: the name of an entry of ConnectionStrings, or a connection string"
    );
    assert_eq!(
        told("TokenCache", json!({"ConnectionString": "Rediss"})),
        "TokenCache.ConnectionString: no entry of ConnectionStrings has this name (did you mean Redis?)"
    );
    assert_eq!(
        told("TokenCache", json!({"ConnectionString": "Empty"})),
        "ConnectionStrings.Empty: no connection string was filled in"
    );
    let error = ConnectionString::of(&root(), "redis://s3cret@[").unwrap().at("X").url().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[test]
fn a_url_has_parts_of_its_own_scheme() {
    let of = |text: &str| {
        let connection = ConnectionString::of(&Section::default(), text).unwrap().at("X");
        connection.url_parts(&["postgres", "postgresql"]).map_err(|error| error.to_string())
    };
    let mut parts =
        of("PostgreSQL://o%27brien:s3cret%3F%25@[::1]:5433/tok%20ens?ssl_mode=a&SslMode=b").unwrap();
    let mut told = |name: &str| parts.text(&[name]);
    assert_eq!(told("Host").as_deref(), Some("::1"));
    assert_eq!(told("Port").as_deref(), Some("5433"));
    assert_eq!(told("Database").as_deref(), Some("tok ens"));
    assert_eq!(told("User ID").as_deref(), Some("o'brien"));
    assert_eq!(told("Password").as_deref(), Some("s3cret?%"));
    assert_eq!(told("SSL Mode").as_deref(), Some("b"), "the latter counts");
    for (text, expected) in [
        ("mysql://app:s3cret@db/x", "X: a URL that begins with postgres:// is expected here"),
        ("Host=db;Password=s3cret", "X: a URL that begins with postgres:// is expected here"),
        ("postgres://app:12?s3cret@db/x=1", "X: something behind the ? of the URL has no name"),
        ("postgres://s3cret@[", "X: this is no URL"),
    ] {
        let error = of(text).unwrap_err();
        assert!(error.starts_with(expected) && !error.contains("s3cret"), "{error}");
    }
}
