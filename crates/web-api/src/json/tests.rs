//! Texts that a strict reader must refuse, and what it makes of the others.

use super::*;

#[test]
fn refuses_what_could_be_read_in_two_ways() {
    for hostile in [
        "",
        "[]",
        "null",
        "\"x\"",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":2}",
        "{} {}",
        "{}x",
        "{\"a\":1,}",
        "{'a':1}",
        "{\"a\":1/**/}",
        "\u{feff}{}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":{\"b\":\"\\ud800\"}}",
        "{\"a\":01}",
        "{\"a\":NaN}",
    ] {
        assert!(Members::read(hostile).is_none(), "{hostile:?}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(Members::read(&nested(63)).is_some());
    assert!(Members::read(&nested(64)).is_none());
    assert!(Members::read(&nested(10_000)).is_none());
}

#[test]
fn many_members_are_compared_too() {
    let many = |last: &str| {
        let members: Vec<_> = (0..100).map(|n| format!("\"m{n}\":{n}")).collect();
        format!("{{{},\"{last}\":0}}", members.join(","))
    };
    assert_eq!(Members::read(&many("x")).unwrap().get("m99"), Some(&Item::Number(99.into())));
    assert!(Members::read(&many("m5")).is_none());
    assert!(Members::read(&many("m50")).is_none());
}

#[test]
fn seconds_are_numbers_or_digits() {
    let members = Members::read(
        r#"{"a":5,"b":5.9,"c":"5","d":"","e":"5 ","f":1e19,"g":null,"h":true,"i":[5],"j":9223372036854775807,"k":"-5","l":-5}"#,
    )
    .unwrap();
    let read: Vec<_> =
        "abcdefghijkl".chars().map(|name| members.get(&name.to_string()).unwrap().seconds()).collect();
    let five = Some(5);
    assert_eq!(read, [five, five, five, None, None, None, None, None, None, Some(i64::MAX), None, Some(-5)]);
}

#[test]
fn values_of_several() {
    let members = Members::read(r#"{"a":["x",1,null,{},["y"],true],"b":"z","c":null}"#).unwrap();
    let values = |name: &str| members.get(name).unwrap().values().collect::<Vec<_>>();
    assert_eq!(values("a"), ["x", "1", "true"]);
    assert_eq!(values("b"), ["z"]);
    assert!(values("c").is_empty());
}

proptest::proptest! {
    #[test]
    fn what_it_takes_others_take_too(text in r#"\{("[a-b]":("[a-b\\]{0,3}"|[0-9.e-]{1,4}|\[[0-9,]{0,3}\]|null),?){0,3}\}[ x]?"#) {
        if Members::read(&text).is_some() {
            proptest::prop_assert!(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).is_ok());
        }
    }
}
