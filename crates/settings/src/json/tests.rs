//! What people write, and how it is told when it cannot be read.

use serde_json::json;

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "a literal reads best without &")]
fn check(text: &str, expected: Value) {
    assert_eq!(parse("a.json", text).map(Value::Object).unwrap(), expected, "{text}");
}

fn told(text: &str) -> String {
    parse("a.json", text).unwrap_err().to_string()
}

#[test]
fn comments_and_trailing_commas() {
    check("{}", json!({}));
    check(
        "\u{feff}// why\n{\"A\": [1, 2.5,], /* more */ \"B\": {\"C\": null,},}",
        json!({"A": [1, 2.5], "B": {"C": null}}),
    );
    check(
        r#"{"Url": "https://x//y", "Text": "/* \u00e9 */"}"#,
        json!({"Url": "https://x//y", "Text": "/* é */"}),
    );
}

#[test]
fn broken_text_is_told_with_its_place_and_without_its_values() {
    let broken = "{\n  \"ClientSecret\": \"s3cret?%G&=\"\n  \"TenantId\": \"x\"\n}";
    assert_eq!(told(broken), "a.json, line 2, column 32: not JSON: expected comma");
    for text in [
        "{\"ClientSecret\": s3cret}",
        "{\"ClientSecret\": 's3cret'}",
        "{\"ClientSecret\": \"s3cret",
        "{\"ClientSecret\": \"\\ud83d s3cret\"}",
        "{\"ClientSecret\": \"\\q s3cret\"}",
        "[\"s3cret\"]",
        "\"s3cret\"",
        "",
        "{\"A\": 1e999999}",
    ] {
        let told = told(text);
        assert!(told.starts_with("a.json") && !told.contains("s3cret") && !told.contains("d83d"), "{told}");
    }
}

#[test]
fn keys_that_differ_only_in_case_are_refused() {
    let text = "{\"AzureAd\": {\"ClientId\": \"x\",\n \"clientid\": \"y\"}}";
    assert_eq!(
        told(text),
        "a.json, line 2, column 2: AzureAd.clientid is written twice (keys that differ only in case are the same)"
    );
    assert!(told("{\"A\": [{\"b\": 1, \"b\": 2}]}").contains("A[0].b is written twice"));
}

#[test]
fn encodings_that_editors_save() {
    let wide =
        |bytes: fn(u16) -> [u8; 2]| "\u{feff}{\"é\": 1}".encode_utf16().flat_map(bytes).collect::<Vec<_>>();
    for bytes in [wide(u16::to_le_bytes), wide(u16::to_be_bytes), "\u{feff}{\"é\": 1}".into()] {
        let text = decode("a.json", &bytes).unwrap();
        assert_eq!(parse("a.json", &text).unwrap()["é"], 1);
    }
    for bytes in [&b"{\"a\": \"\xff\"}"[..], b"\xff\xfe{", b"\xfe\xff\xd8\x00"] {
        assert_eq!(
            decode("a.json", bytes).unwrap_err().to_string(),
            "a.json: the text is not UTF-8 (save the file as UTF-8)"
        );
    }
}
