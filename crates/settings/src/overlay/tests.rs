//! What wins where two sources speak of one key.

use serde_json::json;

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "a literal reads best without &")]
fn check(base: Value, over: Value, expected: Value) {
    let mut tree = numbered(base);
    merge(&mut tree, numbered(over));
    assert_eq!(Value::Object(tree), expected);
}

#[test]
fn what_is_said_later_wins() {
    check(
        json!({"A": {"B": 1, "C": 2}}),
        json!({"a": {"b": 3}, "D": 4}),
        json!({"A": {"B": 3, "C": 2}, "D": 4}),
    );
    check(json!({"A": "x"}), json!({"A": {"B": 1}}), json!({"A": {"B": 1}}));
    check(json!({"A": "x"}), json!({"A": null}), json!({"A": null}));
}

#[test]
fn lists_are_merged_by_item() {
    check(json!({"A": [{"x": 1}, {"y": 2}]}), json!({"A": [{"X": 3}]}), json!({"A": [{"x": 3}, {"y": 2}]}));
    check(json!({"A": ["a"]}), json!({"A": ["b", "c"]}), json!({"A": ["b", "c"]}));
    check(json!({"A": [{"x": 1}]}), json!({"A": {"0": {"x": 2}}}), json!({"A": {"0": {"x": 2}}}));
}

#[test]
fn a_text_replaces_texts_but_no_section() {
    check(json!({"A": ["a", "b"]}), json!({"A": "c d"}), json!({"A": "c d"}));
    check(json!({"A": {"B": 1}}), json!({"A": "Debug"}), json!({"A": {"B": 1}}));
    check(json!({"A": [{"B": 1}]}), json!({"A": "Debug"}), json!({"A": [{"B": 1}]}));
}

#[test]
fn only_variables_with_levels_are_ours() {
    let environment = Environment::from_pairs([
        ("PATH", "/bin"),
        ("__CF_USER_TEXT_ENCODING", "0x1F5"),
        ("A__", "x"),
        ("AzureAd__ClientId", "id"),
        ("AZUREAD__ClientCredentials__0__ClientSecret", "s3cret?%G&="),
        ("AzureAd:TenantId", "contoso.example"),
    ]);
    assert_eq!(
        Value::Object(from_environment(&environment)),
        json!({"AZUREAD": {
            "ClientCredentials": {"0": {"ClientSecret": "s3cret?%G&="}},
            "ClientId": "id",
            "TenantId": "contoso.example",
        }})
    );
}

/// As the portal of App Service sets them: a type is chosen, and a name is given.
#[test]
fn connection_strings_of_app_service_are_connection_strings() {
    let environment = Environment::from_pairs([
        ("SQLAZURECONNSTR_TokenCacheDb", "Server=tcp:db;Password=s3cret?%G&="),
        ("CUSTOMCONNSTR_Redis", "redis:6380"),
        ("REDISCACHECONNSTR_Redis2", "redis:6381"),
        ("PostgresqlConnStr_PostgresCache", "Host=db"),
        ("POSTGRESQLCONNSTR_Other__Db", "Host=other"),
        ("DOCDBCONNSTR_Cosmos", "AccountEndpoint=https://a"),
        ("ConnectionStrings__Cosmos", "AccountEndpoint=https://b"),
        ("MYSQLCONNSTR_", "x"),
        ("MYCONNSTR_Db", "x"),
    ]);
    assert_eq!(
        Value::Object(from_environment(&environment)),
        json!({"ConnectionStrings": {
            "TokenCacheDb": "Server=tcp:db;Password=s3cret?%G&=",
            "Redis": "redis:6380",
            "Redis2": "redis:6381",
            "PostgresCache": "Host=db",
            "Other": {"Db": "Host=other"},
            "Cosmos": "AccountEndpoint=https://b",
        }})
    );
}
