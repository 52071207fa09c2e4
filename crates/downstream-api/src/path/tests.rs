//! Paths that are joined, paths that are refused, and the property that none leaves the base.

use proptest::prelude::*;

use super::*;

fn joined(base: &str, relative: &str, path: &str) -> String {
    let base = Url::parse(base).unwrap();
    let relative = RelativePath::parse(relative).unwrap();
    relative.join(&RelativePath::parse(path).unwrap()).below(&base).to_string()
}

#[test]
fn base_relative_path_and_path() {
    let check = |base: &str, relative: &str, path: &str, expected: &str| {
        assert_eq!(joined(base, relative, path), expected, "{base} + {relative} + {path}");
    };
    check("https://a.example", "/api/v1", "products", "https://a.example/api/v1/products");
    check("https://a.example/", "", "products", "https://a.example/products");
    check("https://a.example/v1", "", "", "https://a.example/v1/");
    check("https://a.example/v1/", "/items", "", "https://a.example/v1/items");
    check("https://a.example/v1", "items/", "/7/", "https://a.example/v1/items/7/");
    check("https://a.example/v1", "?q=1", "", "https://a.example/v1/?q=1");
    check("https://a.example/v1", "items?x=1", "7?y=2", "https://a.example/v1/items/7?x=1&y=2");
    check("https://a.example/v1", "", "items:batch", "https://a.example/v1/items:batch");
    check("https://a.example/v1", "", "users('a:b')/x", "https://a.example/v1/users('a:b')/x");
    check("https://a.example/v1", "", "a b/%20/é", "https://a.example/v1/a%20b/%20/%C3%A9");
    check(
        "https://a.example/v1",
        "",
        "a?u=https://b.example/../c",
        "https://a.example/v1/a?u=https://b.example/../c",
    );
    check("https://a.example/v1", "", "v1..v2/...", "https://a.example/v1/v1..v2/...");
}

#[test]
fn what_could_leave_the_base_is_refused() {
    for hostile in [
        "https://evil.example/",
        "HTTPS:evil.example",
        "ftp://evil.example",
        "//evil.example/x",
        "..",
        "../up",
        "a/../../up",
        "a/..",
        "%2e%2e/up",
        "%2E./up",
        ".%2e%2fup",
        "a/%2e%2e%2f%2e%2e/up",
        "%252e%252e/up",
        "..;/up",
        "..%3bx/up",
        "\\\\evil.example",
        "a\\..\\up",
        "a%5c..%5cup",
        "a\nb",
        "a%0d%0ab",
        "a\u{0}",
        "a#b",
        "?a#b",
    ] {
        assert!(RelativePath::parse(hostile).is_err(), "{hostile:?} was let in");
    }
}

#[test]
fn query_values_cannot_break_out() {
    let mut url = Url::parse("https://a.example/v1?x=1").unwrap();
    append_query(&mut url, "na me", "s3cret?%G&=#+");
    append_query(&mut url, "$filter", "name eq 'o''hara'");
    assert_eq!(
        url.as_str(),
        "https://a.example/v1?x=1&na%20me=s3cret%3F%25G%26%3D%23%2B&%24filter=name%20eq%20%27o%27%27hara%27"
    );
}

fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(".".to_owned()),
        Just("..".to_owned()),
        Just("/".to_owned()),
        Just("\\".to_owned()),
        Just("%2e".to_owned()),
        Just("%2F".to_owned()),
        Just("%25".to_owned()),
        Just("?".to_owned()),
        Just("#".to_owned()),
        Just("@".to_owned()),
        Just(":".to_owned()),
        Just(";".to_owned()),
        Just("https:".to_owned()),
        Just("evil.example".to_owned()),
        Just("\t".to_owned()),
        ".{0,3}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_path_leaves_the_base(relative in hostile_text(), path in hostile_text()) {
        let base = Url::parse("https://api.example:8443/v1/tenant%20a").unwrap();
        if let (Ok(relative), Ok(path)) = (RelativePath::parse(&relative), RelativePath::parse(&path)) {
            let url = relative.join(&path).below(&base);
            prop_assert_eq!(url.origin(), base.origin());
            prop_assert_eq!(url.username(), "");
            prop_assert_eq!(url.fragment(), None);
            prop_assert!(url.path().starts_with("/v1/tenant%20a/"), "{}", url);
            prop_assert!(!decoded(url.path()).any(|form| form.split('/').any(climbs)), "{}", url);
        }
    }
}
