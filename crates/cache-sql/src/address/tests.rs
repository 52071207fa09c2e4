//! Connection strings as drivers of .NET and people write them.

use entra_abstractions::Section;

use super::*;
use crate::{mysql::MYSQL_CONNECTOR, postgres::NPGSQL};

fn read(text: &str, spelling: &Spelling) -> Result<Address, Misconfigured> {
    let root = Section::new("", serde_json::json!({"ConnectionStrings": {"Db": text}}));
    Address::new(&ConnectionString::of(&root, "Db").unwrap(), spelling)
}

#[test]
fn npgsqls_syntax() {
    let text = "Host=localhost;Port=5433;Username=postgres;Password='s3cret?%G&=;';Database=tokens;\
                Pooling=true;MinPoolSize=0;MaxPoolSize=7;Timeout=15;SSL Mode=VerifyFull;\
                Root Certificate=/etc/ca.pem;Application Name=shop";
    let address = read(text, &NPGSQL).unwrap();
    assert_eq!(address.name("postgresql"), "postgresql localhost:5433/tokens");
    assert_eq!(address.user.expose(), "postgres");
    assert_eq!(address.password.as_ref().unwrap().expose(), "s3cret?%G&=;");
    assert_eq!(address.tls, Tls::Verified);
    assert_eq!(address.root_certificate.as_deref(), Some("/etc/ca.pem".as_ref()));
    assert_eq!((address.connections, address.application.as_deref()), (Some(7), Some("shop")));
    assert!(address.is_here());
    let shown = format!("{address:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("postgres"), "{shown}");
}

#[test]
fn mysqlconnectors_syntax() {
    let text = "Server=db.example;Uid=app@shop;Pwd=s3cret?%G&=;Initial Catalog=tokens;SslMode=Required;\
                AllowPublicKeyRetrieval=True;ConnectionTimeout=5;SslCa=/etc/ca.pem";
    let address = read(text, &MYSQL_CONNECTOR).unwrap();
    assert_eq!(address.name("mysql"), "mysql db.example:3306/tokens");
    assert_eq!((address.user.expose(), address.tls), ("app@shop", Tls::Verified));
    assert!(!address.is_here() && address.root_certificate.is_some());
}

#[test]
fn a_url_says_the_same() {
    let url = "postgres://app%40shop:s3cret%3F%25G%26%3D%27@[::1]:5433/tokens?sslmode=verify-full&sslrootcert=/ca.pem";
    let address = read(url, &NPGSQL).unwrap();
    assert_eq!(address.name("postgresql"), "postgresql ::1:5433/tokens");
    assert_eq!(address.user.expose(), "app@shop");
    assert_eq!(address.password.unwrap().expose(), "s3cret?%G&='");
    assert_eq!((address.tls, address.root_certificate.is_some()), (Tls::Verified, true));
    let address = read("mariadb://app@db.example/tokens?ssl-mode=VERIFY_IDENTITY", &MYSQL_CONNECTOR).unwrap();
    assert_eq!((address.port, address.tls, address.password), (3306, Tls::Verified, None));
}

#[test]
fn a_host_may_have_its_port() {
    let check = |host: &str, expected: (&str, u16)| {
        let text = format!("Host={host};Port=1;Username=app;Database=tokens");
        let address = read(&text, &NPGSQL).unwrap();
        assert_eq!((address.host.as_str(), address.port), expected, "{host}");
    };
    check("db.example", ("db.example", 1));
    check("db.example:5433", ("db.example", 5433));
    check("[::1]:5433", ("::1", 5433));
    check("[::1]", ("::1", 1));
    check("::1", ("::1", 1));
    check("/run/postgresql:1", ("/run/postgresql:1", 1));
    for text in ["db:s3cret?", "db:0x1", "db:70000"] {
        let text = format!("Host={text};Username=app;Database=tokens");
        let error = read(&text, &NPGSQL).unwrap_err().to_string();
        assert!(error.contains("Host: what stands behind its : is no port"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn a_url_of_another_kind_is_no_database_s() {
    for (text, spelling, expected) in [
        ("mysql://app:s3cret?@db/tokens", &NPGSQL, "a URL that begins with postgres:// is expected here"),
        ("postgres://app:s3cret@db/tokens", &MYSQL_CONNECTOR, "a URL that begins with mysql:// is expected"),
        ("redis://:s3cret@db/0", &NPGSQL, "a URL that begins with postgres:// is expected here"),
    ] {
        let error = read(text, spelling).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn how_tls_is_said() {
    let check = |text: &str, expected: Tls| {
        let text = format!("Host=db.example;Username=app;Database=tokens;{text}");
        assert_eq!(read(&text, &NPGSQL).unwrap().tls, expected, "{text}");
    };
    check("", Tls::IfOffered);
    check("SSL Mode=Disable", Tls::Off);
    check("SslMode=Prefer", Tls::IfOffered);
    check("SSL Mode=Require", Tls::Verified);
    check("SSL Mode=Require;Trust Server Certificate=true", Tls::Unverified);
    check("sslmode=verify-ca", Tls::Signed);
    check("SSL Mode=VerifyFull;Trust Server Certificate=true", Tls::Verified);
}

#[test]
fn a_promise_that_is_not_kept_is_refused() {
    let told = |text: &str, rest: &str| {
        let refused = read(&format!("{text}{rest}"), &NPGSQL).err();
        refused.map(|error| error.to_string()).unwrap_or_default()
    };
    let string = "Host=db.example;Username=app;Database=tokens;";
    assert_eq!(told(string, "Check Certificate Revocation=false;Channel Binding=Prefer"), "");
    let revoked = told(string, "Check Certificate Revocation=true");
    assert!(revoked.contains("Check Certificate Revocation: nobody here looks for"), "{revoked}");
    let url = "postgres://app@db.example/tokens?sslmode=require&";
    for bound in [told(string, "ChannelBinding=Require"), told(url, "channel_binding=require")] {
        assert!(bound.contains("Channel Binding: a login cannot be bound to its channel here ("), "{bound}");
        assert!(bound.contains("SSL Mode=VerifyFull"), "{bound}");
    }
    assert!(told(string, "Channel Binding=s3cret?").contains("Channel Binding: not understood"));
}

#[test]
fn every_fault_is_told_by_name_and_without_values() {
    let text = "Host=a.example,b.example;Usrname=x;Password=s3cret?;SSL Mode=s3cret?;Port=s3cret?;SSL Key=k";
    let error = read(text, &NPGSQL).unwrap_err();
    let told = error.to_string();
    for part in [
        "Host: several hosts",
        "Database: missing",
        "Username: missing",
        "Usrname: not understood here (did you mean Username?)",
        "SSL Mode: not understood",
        "Port: a number",
        "SSL Certificate: missing beside the key",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("s3cret"), "{told}");
    assert!(error.faults().iter().all(|fault| fault.at() == Some("ConnectionStrings.Db")));
}
