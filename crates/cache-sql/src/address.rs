//! Where a server is and how to log in to it, out of a connection string in .NET's syntax or a URL.

use std::path::PathBuf;

use entra_abstractions::{ConnectionParts, ConnectionString, Faults, Misconfigured, Secret};

use crate::{
    builder::Authority,
    error::{Failure, Kind},
};

/// A server, a database on it, and who logs in.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) user: Secret,
    pub(crate) password: Option<Secret>,
    pub(crate) tls: Tls,
    pub(crate) root_certificate: Option<PathBuf>,
    pub(crate) client: Option<Client>,
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "MySQL keeps no such name"))]
    pub(crate) application: Option<String>,
    pub(crate) connections: Option<usize>,
}

/// A certificate with which this side proves itself, and its key: files of PEM.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What is in files of PEM.
pub(crate) struct Pem {
    pub(crate) root: Option<Vec<u8>>,
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Not at all.
    Off,
    /// Where the server offers it, without a look at its certificate; where nothing was said.
    IfOffered,
    /// Always, without a look at the certificate.
    Unverified,
    /// Its certificate is signed by somebody trusted, for whatever name.
    Signed,
    /// Its certificate is signed by somebody trusted, for this name.
    Verified,
}

/// How a driver of .NET names the parts, synonyms and those of URLs included.
pub(crate) struct Spelling {
    /// Of its URLs.
    pub(crate) schemes: &'static [&'static str],
    pub(crate) port: u16,
    pub(crate) host: &'static [&'static str],
    pub(crate) database: &'static [&'static str],
    pub(crate) user: &'static [&'static str],
    pub(crate) password: &'static [&'static str],
    pub(crate) tls: &'static [&'static str],
    pub(crate) root_certificate: &'static [&'static str],
    pub(crate) client_certificate: &'static [&'static str],
    pub(crate) client_key: &'static [&'static str],
    pub(crate) connections: &'static [&'static str],
    pub(crate) application: &'static [&'static str],
    pub(crate) revocation: &'static [&'static str],
    pub(crate) channel_binding: &'static [&'static str],
    /// What is understood and means nothing here.
    pub(crate) meaningless: &'static [&'static str],
}

/// Azure Database for PostgreSQL and for MySQL, in each cloud.
const AZURE: &[&str] = &[
    ".database.azure.com",
    ".database.chinacloudapi.cn",
    ".database.usgovcloudapi.net",
    ".postgres.cosmos.azure.com",
];

const TRUST: &[&str] = &["Trust Server Certificate"];

impl Address {
    /// Takes a connection string apart.
    ///
    /// # Errors
    /// [`Misconfigured`] tells every part that is missing, wrong or not understood, by its name.
    pub(crate) fn new(connection: &ConnectionString, spelling: &Spelling) -> Result<Self, Misconfigured> {
        let mut parts =
            if connection.is_url() { connection.url_parts(spelling.schemes)? } else { connection.parts()? };
        let mut faults = Faults::default();
        parts.ignore(spelling.meaningless);
        let tls = tls(&mut parts, spelling, &mut faults);
        let mut needed = |parts: &mut ConnectionParts, names: &[&str]| {
            let value = parts.text(names);
            if value.is_none() {
                faults.add(parts.fault(names, "missing"));
            }
            value.unwrap_or_default()
        };
        let written = needed(&mut parts, spelling.host);
        let database = needed(&mut parts, spelling.database);
        let user = needed(&mut parts, spelling.user);
        let (host, port) = apart(&written);
        let own_port = port.map(str::parse).transpose();
        if written.contains(',') {
            let fault = parts.fault(spelling.host, "several hosts are not understood");
            faults.add(fault.hint("name the one that leads to whichever is primary"));
        } else if own_port.is_err() {
            faults.add(parts.fault(spelling.host, "what stands behind its : is no port"));
        }
        let port = parts.number(&["Port"], &mut faults).unwrap_or(spelling.port);
        let port = own_port.ok().flatten().unwrap_or(port);
        let client = client(&mut parts, spelling, &mut faults);
        check_promises(&mut parts, spelling, &mut faults);
        let connections = parts.number(spelling.connections, &mut faults).filter(|number| *number > 0);
        let address = Self {
            host: host.to_owned(),
            port,
            database,
            user: Secret::new(user),
            password: parts.take(spelling.password),
            tls,
            root_certificate: parts.text(spelling.root_certificate).map(PathBuf::from),
            client,
            application: parts.text(spelling.application),
            connections,
        };
        parts.finish(&mut faults);
        faults.into_result(address)
    }

    /// Whether the server is this machine, by a name or number that cannot lead elsewhere.
    pub(crate) fn is_here(&self) -> bool {
        matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "::1") || self.host.starts_with('/')
    }

    /// Trusts an authority that is named outside of the connection string, so that the server must
    /// show a certificate.
    ///
    /// # Errors
    /// [`Misconfigured`] when the connection string says otherwise, or the file is none of PEM.
    pub(crate) fn trust(&mut self, authority: &Authority, path: &str) -> Result<(), Misconfigured> {
        let Some(file) = &authority.file else { return Ok(()) };
        let fault = |what: String| Misconfigured::new(what).at(&authority.path);
        if self.root_certificate.is_some() {
            let what = format!("{path} names a root certificate as well");
            return Err(fault(what).hint("remove one of both"));
        }
        match self.tls {
            Tls::IfOffered => self.tls = Tls::Verified,
            Tls::Signed | Tls::Verified => {}
            Tls::Off | Tls::Unverified => {
                let what = format!("{path} says that no certificate is looked at");
                return Err(fault(what).hint("say SSL Mode=VerifyFull there, or remove this one"));
            }
        }
        let pem = std::fs::read(file).map_err(|error| {
            fault(format!("the file {} cannot be read ({})", file.display(), error.kind()))
                .hint("a PEM file with one or more certificates is expected")
        })?;
        if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
            return Err(fault(format!("the file {} holds no certificate", file.display()))
                .hint("a PEM file with one or more certificates is expected"));
        }
        self.root_certificate = Some(file.clone());
        Ok(())
    }

    /// Whether it leads to Azure's, and says nothing by which to log in there but a name.
    pub(crate) fn leaves_login_open(&self) -> bool {
        let host = self.host.to_ascii_lowercase();
        let is_azures = AZURE.iter().any(|domain| host.ends_with(domain));
        is_azures && self.password.is_none() && self.client.is_none()
    }

    /// What the files hold that it names: whom to trust, and certificate and key of this side. They
    /// are read for each new connection, so that what is renewed is used.
    pub(crate) async fn pem(&self) -> Result<Pem, Failure> {
        let (root, client) = (self.root_certificate.clone(), self.client.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let read = |file: &PathBuf| {
                let unread = |error| {
                    Failure::new(Kind::Tls, format!("the file {} cannot be read ({error})", file.display()))
                };
                std::fs::read(file).map_err(unread)
            };
            let pair = |client: &Client| Ok((read(&client.certificate)?, read(&client.key)?));
            Ok(Pem {
                root: root.as_ref().map(read).transpose()?,
                client: client.as_ref().map(pair).transpose()?,
            })
        });
        reading.await.unwrap_or_else(|_ended| Err(Failure::new(Kind::Other, "the runtime shuts down")))
    }

    /// Host, port and database: what it is called in errors.
    pub(crate) fn name(&self, kind: &str) -> String {
        format!("{kind} {}:{}/{}", self.host, self.port, self.database)
    }
}

/// Unlike .NET: to require TLS is to look at the certificate, unless it is said that it is not to be.
/// Encryption towards whoever answers keeps nobody out.
fn tls(parts: &mut ConnectionParts, spelling: &Spelling, faults: &mut Faults) -> Tls {
    let trusts = parts.flag(TRUST, faults).unwrap_or_default();
    let required = if trusts { Tls::Unverified } else { Tls::Verified };
    let Some(written) = parts.text(spelling.tls) else {
        return if trusts { Tls::Unverified } else { Tls::IfOffered };
    };
    let folded: String = written.chars().filter(char::is_ascii_alphanumeric).collect();
    match folded.to_ascii_lowercase().as_str() {
        "disable" | "disabled" | "none" => Tls::Off,
        "allow" | "prefer" | "preferred" => Tls::IfOffered,
        "require" | "required" => required,
        "verifyca" => Tls::Signed,
        "verifyfull" | "verifyidentity" => Tls::Verified,
        _ => {
            let fault = parts.fault(spelling.tls, "not understood");
            faults.add(fault.hint("one of Disable, Prefer, Require, VerifyCA, VerifyFull"));
            required
        }
    }
}

/// What is promised to whoever writes it and cannot be kept here is refused: it would be believed.
fn check_promises(parts: &mut ConnectionParts, spelling: &Spelling, faults: &mut Faults) {
    if parts.flag(spelling.revocation, faults) == Some(true) {
        let fault = parts.fault(spelling.revocation, "nobody here looks for certificates that were revoked");
        faults.add(fault.hint("leave it out; certificates that live for days need it least"));
    }
    let binding = parts.text(spelling.channel_binding).map(|word| word.to_ascii_lowercase());
    match binding.as_deref() {
        None | Some("disable" | "prefer") => {}
        Some("require") => {
            let fault = parts.fault(spelling.channel_binding, "a login cannot be bound to its channel here");
            faults
                .add(fault.hint("leave it out; SSL Mode=VerifyFull keeps everybody else out of the channel"));
        }
        Some(_) => {
            let fault = parts.fault(spelling.channel_binding, "not understood");
            faults.add(fault.hint("one of Disable, Prefer"));
        }
    }
}

fn client(parts: &mut ConnectionParts, spelling: &Spelling, faults: &mut Faults) -> Option<Client> {
    let certificate = parts.text(spelling.client_certificate).map(PathBuf::from);
    let key = parts.text(spelling.client_key).map(PathBuf::from);
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Client { certificate, key }),
        (None, None) => None,
        (Some(_), None) => {
            faults.add(parts.fault(spelling.client_key, "missing beside the certificate"));
            None
        }
        (None, Some(_)) => {
            faults.add(parts.fault(spelling.client_certificate, "missing beside the key"));
            None
        }
    }
}

/// `host:port`, as Npgsql has it. An address of version 6 has its port behind brackets, the folder of a
/// socket has none.
fn apart(host: &str) -> (&str, Option<&str>) {
    let (host, port) = match host.rsplit_once(':') {
        _ if host.starts_with('/') => (host, None),
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    (host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host), port)
}

#[cfg(test)]
mod tests;
