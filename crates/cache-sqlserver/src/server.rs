//! Reads a connection string as `SqlClient` writes it, or a URL: which server and database, and how
//! to log in. A part that is not understood is named, never its value.
//!
//! <https://learn.microsoft.com/dotnet/api/microsoft.data.sqlclient.sqlconnection.connectionstring>

use entra_abstractions::{
    ClientId, ConnectionString, Faults, ManagedIdentityId, Misconfigured, Scopes, Secret, TokenRequest,
    is_guid,
};
use tiberius::EncryptionLevel;

/// Where the server is, and how it wants to be spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) login: Login,
    pub(crate) encryption: EncryptionLevel,
    pub(crate) is_any_certificate_trusted: bool,
    pub(crate) certificate_host: Option<String>,
    pub(crate) application: String,
    pub(crate) connections: usize,
}

/// How the connection string says that one logs in.
#[derive(Debug, Clone)]
pub(crate) enum Login {
    Password {
        user: String,
        password: Secret,
    },
    /// With a token that answers this request.
    Entra(Box<TokenRequest>),
}

/// Understood, and without a meaning here: how .NET pools, waits and retries, which this crate does
/// in its own way, and features of connections that it does not use.
const WITHOUT_MEANING: [&str; 29] = [
    "Async",
    "Asynchronous Processing",
    "Command Timeout",
    "Connect Retry Count",
    "Connect Retry Interval",
    "Connect Timeout",
    "Connection Lifetime",
    "Connection Reset",
    "Connection Timeout",
    "Current Language",
    "Enlist",
    "IP Address Preference",
    "Language",
    "Load Balance Timeout",
    "Min Pool Size",
    "Multi Subnet Failover",
    "Multiple Active Result Sets",
    "Packet Size",
    "Persist Security Info",
    "Pool Blocking Period",
    "Pooling",
    "Replication",
    "Timeout",
    "Transaction Binding",
    "Transparent Network IP Resolution",
    "Type System Version",
    "User Instance",
    "Workstation ID",
    "WSID",
];

impl Server {
    /// What a connection string says.
    pub(crate) fn read(connection: &ConnectionString) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        let (mut parts, address) = if connection.is_url() {
            let mut parts = connection.url_parts(&["sqlserver", "mssql"])?;
            let (host, port) = (parts.text(&["Host"]), parts.text(&["Port"]));
            let address = host.map(|host| port.map_or(host.clone(), |port| format!("{host},{port}")));
            (parts, address)
        } else {
            let mut parts = connection.parts()?;
            let address = parts.text(&["Server", "Data Source", "Address", "Addr", "Network Address"]);
            (parts, address)
        };
        let database = parts.text(&["Database", "Initial Catalog"]);
        let user = parts.text(&["User ID", "UID", "User"]);
        let password = parts.take(&["Password", "PWD"]);
        let authentication = parts.text(&["Authentication"]);
        let integrated = parts.text(&["Integrated Security", "Trusted_Connection"]);
        let encrypt = parts.text(&["Encrypt"]);
        let is_any_certificate_trusted =
            parts.flag(&["TrustServerCertificate"], &mut faults).unwrap_or(false);
        let certificate_host = parts.text(&["HostNameInCertificate"]);
        let application = parts.text(&["Application Name", "App"]);
        let intent = parts.text(&["ApplicationIntent"]);
        let connections =
            parts.number::<u16>(&["Max Pool Size"], &mut faults).map_or(CONNECTIONS, usize::from);
        parts.ignore(&WITHOUT_MEANING);

        let mut wrong = |name: &str, what: &str, hint: &str| {
            faults.add(parts.fault(&[name], what).hint(hint));
        };
        let (host, port) = match address.as_deref().map_or(Err("missing"), read_address) {
            Ok(address) => address,
            Err(what) => {
                wrong("Server", what, "Server=tcp:host,1433");
                Default::default()
            }
        };
        if database.is_none() {
            wrong("Database", "missing", "the database that the table is in");
        }
        if matches!(integrated.map(|it| it.to_ascii_lowercase()).as_deref(), Some("true" | "yes" | "sspi")) {
            wrong(
                "Integrated Security",
                "not possible here",
                "log in with User ID and Password, or by Authentication=Active Directory Default",
            );
        }
        if intent.is_some_and(|intent| !intent.eq_ignore_ascii_case("ReadWrite")) {
            wrong("ApplicationIntent", "a cache is written to", "ReadWrite");
        }
        if connections == 0 {
            wrong("Max Pool Size", "nothing can be asked without a connection", "1 or more");
        }
        let encryption = match encrypt.map(|it| it.to_ascii_lowercase()).as_deref() {
            None | Some("true" | "yes" | "mandatory") => EncryptionLevel::Required,
            Some("false" | "no" | "optional") => EncryptionLevel::Off,
            Some("strict") => EncryptionLevel::Strict,
            Some(_) => {
                wrong("Encrypt", "not understood", "one of Mandatory, Optional, Strict");
                EncryptionLevel::Required
            }
        };
        let login = match read_login(authentication.as_deref(), user, password, &host) {
            Ok(login) => Some(login),
            Err((name, what, hint)) => {
                wrong(name, what, hint);
                None
            }
        };
        // A token is good at every server of Azure's, so it is nothing to show to whoever answers.
        let is_here = ["localhost", "127.0.0.1", "::1"].contains(&host.as_str());
        if matches!(login, Some(Login::Entra(_))) && is_any_certificate_trusted && !is_here {
            wrong("TrustServerCertificate", "a token goes to a server that is verified only", "leave it out");
        }
        parts.finish(&mut faults);
        let Some(login) = login else { return Err(faults.into_error()) };
        faults.into_result(Self {
            host,
            port,
            database: database.unwrap_or_default(),
            login,
            encryption,
            is_any_certificate_trusted,
            certificate_host,
            application: application.unwrap_or_else(|| "entra-rs".to_owned()),
            connections,
        })
    }

    /// As errors name it.
    pub(crate) fn name(&self) -> String {
        format!("SQL Server {}:{}", self.host, self.port)
    }
}

/// How many connections one store opens at most, where nothing is said. .NET's are 100, for a whole
/// application; a cache answers within a millisecond or two.
const CONNECTIONS: usize = 10;

/// `tcp:host,port`, `host`, `.`; a named instance only with its port.
fn read_address(text: &str) -> Result<(String, u16), &'static str> {
    let text = match text.split_once(':') {
        Some((protocol, rest)) if protocol.eq_ignore_ascii_case("tcp") => rest,
        Some((protocol, _)) if ["np", "lpc", "admin"].iter().any(|it| protocol.eq_ignore_ascii_case(it)) => {
            return Err("a protocol other than tcp is not possible here");
        }
        _ => text,
    };
    let (host, port) = match text.rsplit_once(',') {
        Some((host, port)) => {
            let port = port.trim().parse().ok().filter(|port| *port > 0);
            (host.trim(), port.ok_or("the port is not a number")?)
        }
        None if text.contains('\\') => return Err("an instance needs its port, which nobody looks up here"),
        None => (text.trim(), 1433),
    };
    let host = host.split('\\').next().unwrap_or_default();
    match host.to_ascii_lowercase().as_str() {
        "" | "(localdb)" => Err("a host is expected"),
        "." | "(local)" => Ok(("localhost".to_owned(), port)),
        // An IPv6 address, in brackets or without.
        _ => Ok((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port)),
    }
}

/// The login, or which part is wrong, what about it, and what to do.
fn read_login(
    authentication: Option<&str>,
    user: Option<String>,
    password: Option<Secret>,
    host: &str,
) -> Result<Login, (&'static str, &'static str, &'static str)> {
    let how = authentication.map(|how| how.replace(' ', "").to_ascii_lowercase());
    let is_managed = match how.as_deref() {
        None | Some("sqlpassword" | "notspecified") => {
            let Some(user) = user else {
                return Err((
                    "User ID",
                    "missing",
                    "or log in by a token: Authentication=Active Directory Default",
                ));
            };
            let password = password.ok_or(("Password", "missing", "the password of the login"))?;
            return Ok(Login::Password { user, password });
        }
        Some("activedirectorymanagedidentity" | "activedirectorymsi") => true,
        Some("activedirectorydefault" | "activedirectoryworkloadidentity") => false,
        Some(_) => return Err(("Authentication", "not possible here", WAYS)),
    };
    if password.is_some() {
        return Err(("Password", "does not go with a login by token", "leave it out"));
    }
    let scope = scope(host).ok().ok_or(("Server", "is of no known cloud", "Server=tcp:host,1433"))?;
    let identity = match user {
        Some(id) => {
            let id = ClientId::new(id).ok().filter(|id| is_guid(id.as_str()));
            let fault =
                ("User ID", "not the client id of a managed identity", "leave it out for the host's own");
            ManagedIdentityId::ClientId(id.ok_or(fault)?)
        }
        None => ManagedIdentityId::System,
    };
    let request = if is_managed {
        TokenRequest::as_managed_identity(scope, identity)
    } else {
        TokenRequest::as_app(scope)
    };
    Ok(Login::Entra(Box::new(request)))
}

const WAYS: &str = "Active Directory Default, Active Directory Managed Identity, Active Directory Workload Identity, \
                    or Sql Password";

/// For which API the token is: that of the cloud that the server is in.
fn scope(host: &str) -> Result<Scopes, Misconfigured> {
    let clouds = [
        (".database.chinacloudapi.cn", "https://database.chinacloudapi.cn/.default"),
        (".database.usgovcloudapi.net", "https://database.usgovcloudapi.net/.default"),
    ];
    let host = host.to_ascii_lowercase();
    let scope = clouds.iter().find(|(domain, _)| host.ends_with(domain)).map(|(_, scope)| *scope);
    Scopes::try_from(scope.unwrap_or("https://database.windows.net/.default"))
}

#[cfg(test)]
mod tests;
