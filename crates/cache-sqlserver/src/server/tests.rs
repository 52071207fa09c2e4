//! How connection strings are read.

use entra_abstractions::{ConnectionString, Section};

use super::*;

fn read(text: &str) -> Server {
    let root = Section::new("", serde_json::json!({}));
    ConnectionString::of(&root, text).and_then(|connection| Server::read(&connection)).unwrap()
}

#[test]
fn addresses() {
    let check =
        |text: &str, host: &str, port| assert_eq!(read_address(text), Ok((host.to_owned(), port)), "{text}");
    check("tcp:db.contoso.example,1434", "db.contoso.example", 1434);
    check("db.contoso.example", "db.contoso.example", 1433);
    check("(local)", "localhost", 1433);
    check(".", "localhost", 1433);
    check("db\\ONE, 5000", "db", 5000);
    check("TCP:[fe80::1],1", "fe80::1", 1);
    for text in ["", "tcp:", "db,0", "db,70000", "db\\ONE", "np:\\\\db\\pipe", "admin:db", "(localdb)\\x,1"] {
        assert!(read_address(text).is_err(), "{text}");
    }
}

#[test]
fn a_url_says_the_same() {
    let server =
        read("sqlserver://app%40shop:s3cret%3F%25@db.example:1434/Tokens?encrypt=strict&max-pool-size=7");
    assert_eq!(server.name(), "SQL Server db.example:1434");
    assert_eq!((server.database.as_str(), server.connections), ("Tokens", 7));
    assert_eq!(server.encryption, EncryptionLevel::Strict);
    let Login::Password { user, password } = server.login else { panic!("a password is expected") };
    assert_eq!((user.as_str(), password.expose()), ("app@shop", "s3cret?%"));
    assert_eq!(read("mssql://a:b@[::1]/t").name(), "SQL Server ::1:1433");
    let error = |text: &str| {
        let connection = ConnectionString::of(&Section::default(), text).unwrap().at("X");
        Server::read(&connection).unwrap_err().to_string()
    };
    let told = error("postgres://app:s3cret@db/Tokens");
    assert_eq!(told, "X: a URL that begins with sqlserver:// is expected here");
    let told = error("mssql://app:s3cret@db?instance=ONE");
    assert!(told.contains("Database: missing") && told.contains("instance: not understood"), "{told}");
}

#[test]
fn encryption_is_on_where_nothing_is_said() {
    let server = read("Server=db;Database=Tokens;User ID=app;Password=p");
    assert_eq!((server.encryption, server.is_any_certificate_trusted), (EncryptionLevel::Required, false));
    assert_eq!(
        read("Server=db;Database=t;User ID=a;Password=p;Encrypt=Strict").encryption,
        EncryptionLevel::Strict
    );
    assert_eq!(server.name(), "SQL Server db:1433");
}

#[test]
fn a_token_is_for_the_cloud_that_the_server_is_in() {
    let check = |host: &str, expected: &str| {
        let server = read(&format!("Server={host};Database=t;Authentication=Active Directory Default"));
        let Login::Entra(request) = server.login else { panic!("a token is expected") };
        assert_eq!(request.scopes.as_str(), expected);
    };
    check("x.database.windows.net", "https://database.windows.net/.default");
    check("X.Database.ChinaCloudApi.cn", "https://database.chinacloudapi.cn/.default");
    check("x.database.usgovcloudapi.net", "https://database.usgovcloudapi.net/.default");
}
