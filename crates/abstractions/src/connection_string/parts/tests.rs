//! Parts are taken apart as ADO.NET does, and each is taken or told.

use proptest::prelude::*;

use super::*;

fn parts(text: &str) -> ConnectionParts {
    ConnectionParts::parse(text, "ConnectionStrings.Db").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn as_ado_net_takes_them_apart() {
    let check = |text: &str, expected: &[(&str, &str)]| {
        let parts = parts(text).parts;
        let found: Vec<(&str, &str)> =
            parts.iter().map(|part| (part.name.as_str(), part.value.expose())).collect();
        assert_eq!(found, expected, "{text}");
    };
    check("", &[]);
    check(" ; ", &[]);
    check(";;Server=a;;", &[("Server", "a")]);
    check(
        "Server=tcp:db.example,1433;Database=a b ; ",
        &[("Server", "tcp:db.example,1433"), ("Database", "a b")],
    );
    check("Password='a;b''c\"';User Id = x", &[("Password", "a;b'c\""), ("User Id", "x")]);
    check("Password=\" s3cret?%G&= \"", &[("Password", " s3cret?%G&= ")]);
    check("AccountKey=c2VjcmV0==;Database=x", &[("AccountKey", "c2VjcmV0=="), ("Database", "x")]);
    check("Port=1;port=2", &[("port", "2")]);
    check("Password=it's;Server=ä", &[("Password", "it's"), ("Server", "ä")]);
}

#[test]
fn what_is_no_part_is_told_by_its_number() {
    for (text, told) in [
        ("Server=a;Password=b;s3cret", "part 3 has no `=`"),
        ("s3cret", "part 1 has no `=`"),
        ("Password='s3cret", "part 1 has a quote that does not end its value"),
        ("Password='s3'cret;Server=a", "part 1 has a quote that does not end its value"),
        ("=s3cret", "part 1 has no name"),
        ("Server=a;%s3cret&=b", "part 2 has no name"),
    ] {
        let error = ConnectionParts::parse(text, "ConnectionStrings.Db").unwrap_err().to_string();
        assert!(error.starts_with("ConnectionStrings.Db: ") && error.contains(told), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn every_part_is_taken_or_told() {
    let mut parts = parts("DataSource=a;Pasword=s3cret;Port=x;Encrypt=yes;Application Name=y;Fancy=1");
    let mut faults = Faults::default();
    assert_eq!(parts.text(&["Server", "Data Source"]).as_deref(), Some("a"));
    assert_eq!(parts.take(&["Password"]), None);
    assert_eq!(parts.number::<u16>(&["Port"], &mut faults), None);
    assert_eq!(parts.flag(&["Encrypt"], &mut faults), Some(true));
    parts.ignore(&["Application Name"]);
    assert_eq!(format!("{parts:?}"), r#"["Pasword", "Fancy"]"#);
    parts.finish(&mut faults);
    let error = faults.into_error();
    assert_eq!(error.faults().len(), 3);
    let text = error.to_string();
    for told in [
        "ConnectionStrings.Db: Port: a number is expected, within its bounds",
        "ConnectionStrings.Db: Pasword: not understood here (did you mean Password?)",
        "ConnectionStrings.Db: Fancy: not understood here (remove it)",
    ] {
        assert!(text.contains(told), "{text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
}

proptest! {
    #[test]
    fn any_text_is_taken_apart_or_told(text in "(?s).{0,200}") {
        let told = ConnectionParts::parse(&text, "x").map(|parts| format!("{parts:?}"));
        prop_assert!(told.is_ok_and(|names| names.starts_with('[')) || !text.trim().is_empty());
    }

    #[test]
    fn any_value_survives_its_quotes(value in "(?s).{0,60}") {
        for quote in ['\'', '"'] {
            let doubled = value.replace(quote, &format!("{quote}{quote}"));
            let mut found = parts(&format!("A={quote}{doubled}{quote};B=1"));
            let taken = found.take(&["a"]).map(|value| value.expose().to_owned()).unwrap_or_default();
            prop_assert_eq!(&taken, &value);
            let next = found.text(&["b"]);
            prop_assert_eq!(next.as_deref(), Some("1"));
        }
    }
}
