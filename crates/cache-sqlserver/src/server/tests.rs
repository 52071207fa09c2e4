//! How connection strings are read.

use entra_abstractions::{ConnectionString, Section};

use super::*;

fn read(text: &str) -> Server {
    let root = Section::new("", serde_json::json!({}));
    ConnectionString::of(&root, text).and_then(|it| it.parts()).and_then(Server::read).unwrap()
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
