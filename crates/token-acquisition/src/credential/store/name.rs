//! By what a certificate is found: its thumbprint, its whole subject, or a part of that.

use std::fmt;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use entra_abstractions::Misconfigured;
use x509_parser::{
    objects::{oid_registry, oid2abbrev},
    prelude::{X509Name, parse_x509_certificate},
};

use crate::hex::hex;

/// What is wanted of a certificate. None of it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// SHA-1 or SHA-256, in upper-case hexadecimal.
    Thumbprint(String),
    /// The whole subject: types and values, folded.
    DistinguishedName(Vec<(String, String)>),
    /// A text that the subject contains, folded.
    SubjectName(String),
}

impl Wanted {
    /// A thumbprint as portals and tools show it: with blanks or colons, and with the invisible mark
    /// that Windows puts before it.
    pub(crate) fn thumbprint(written: &str) -> Result<Self, Misconfigured> {
        let bare: String = written
            .chars()
            .filter(|c| !c.is_whitespace() && *c != ':' && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}'))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        if matches!(bare.len(), 40 | 64) && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Thumbprint(bare));
        }
        Err(Misconfigured::new("not the thumbprint of a certificate")
            .hint("40 hexadecimal digits (SHA-1) or 64 (SHA-256), as the portal shows them"))
    }

    /// A subject such as `CN=app.contoso.example, O=Contoso`, in either order.
    pub(crate) fn distinguished_name(written: &str) -> Result<Self, Misconfigured> {
        let parts: Option<Vec<(String, String)>> = split(written)
            .iter()
            .map(|part| {
                let (kind, value) = part.split_once('=')?;
                let (kind, value) = (folded_kind(kind.trim()), value.trim().to_lowercase());
                (!kind.is_empty() && !value.is_empty()).then_some((kind, value))
            })
            .collect();
        match parts {
            Some(parts) if !parts.is_empty() => Ok(Self::DistinguishedName(parts)),
            _ => Err(Misconfigured::new("not the subject of a certificate")
                .hint("such as CN=app.contoso.example, O=Contoso")),
        }
    }

    /// A part of a subject's text, in which types such as `CN` do not occur.
    pub(crate) fn subject_name(written: &str) -> Result<Self, Misconfigured> {
        let folded = written.trim().to_lowercase();
        match folded.split_once('=') {
            Some((kind, _)) if kind.trim() == "cn" => Err(Misconfigured::new("names the type CN")
                .hint("leave CN= out, or give the whole subject to StoreWithDistinguishedName")),
            _ if folded.is_empty() => Err(Misconfigured::new("empty")),
            _ => Ok(Self::SubjectName(folded)),
        }
    }

    /// Whether this certificate is it.
    pub(super) fn is(&self, der: &[u8]) -> bool {
        match self {
            Self::Thumbprint(wanted) => {
                let algorithm = if wanted.len() == 40 { &SHA1_FOR_LEGACY_USE_ONLY } else { &SHA256 };
                hex(digest(algorithm, der).as_ref()) == *wanted
            }
            Self::DistinguishedName(wanted) => subject(der).is_some_and(|subject| {
                subject.len() == wanted.len()
                    && (subject.iter().eq(wanted.iter()) || subject.iter().rev().eq(wanted.iter()))
            }),
            Self::SubjectName(wanted) => subject(der)
                .is_some_and(|subject| subject.iter().any(|(_, value)| value.contains(wanted.as_str()))),
        }
    }
}

/// The subject's types and values, folded.
fn subject(der: &[u8]) -> Option<Vec<(String, String)>> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    Some(parts(certificate.subject()))
}

fn parts(name: &X509Name<'_>) -> Vec<(String, String)> {
    name.iter_attributes()
        .map(|attribute| {
            let kind = oid2abbrev(attribute.attr_type(), oid_registry())
                .map_or_else(|_| attribute.attr_type().to_id_string(), folded_kind);
            (kind, attribute.as_str().unwrap_or_default().trim().to_lowercase())
        })
        .collect()
}

/// Types have several names: Windows writes `S` and `E` where OpenSSL writes `ST` and `emailAddress`.
fn folded_kind(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    match kind.strip_prefix("oid.").unwrap_or(&kind) {
        "s" | "stateorprovincename" => "st".to_owned(),
        "e" | "email" => "emailaddress".to_owned(),
        "commonname" => "cn".to_owned(),
        "organizationname" => "o".to_owned(),
        "countryname" => "c".to_owned(),
        other => other.to_owned(),
    }
}

/// The parts between commas; a quoted value, or a comma behind a backslash, is of one part (RFC 4514).
fn split(written: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in written.chars() {
        let Some(part) = parts.last_mut() else { break };
        match c {
            _ if escaped => {
                part.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' | ';' | '+' if !quoted => parts.push(String::new()),
            _ => part.push(c),
        }
    }
    parts
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thumbprint(thumbprint) => write!(f, "the thumbprint {thumbprint}"),
            Self::DistinguishedName(parts) => {
                f.write_str("the subject ")?;
                for (index, (kind, value)) in parts.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}{}={value}", kind.to_ascii_uppercase())?;
                }
                Ok(())
            }
            Self::SubjectName(name) => write!(f, "a subject that contains {name:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprints_in_every_spelling() {
        let bare = "ABCDEF0123456789ABCDEF0123456789ABCDEF01";
        let spaced = "\u{200e}ab cd ef 01 23 45 67 89 ab cd ef 01 23 45 67 89 ab cd ef 01";
        let colons = "AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01";
        for written in [bare, spaced, colons] {
            assert_eq!(
                Wanted::thumbprint(written).unwrap(),
                Wanted::Thumbprint(bare.to_owned()),
                "{written:?}"
            );
        }
        for written in ["", "ABCD", &"G".repeat(40), &"A".repeat(41)] {
            assert!(Wanted::thumbprint(written).is_err(), "{written:?}");
        }
    }

    #[test]
    fn a_part_of_a_subject_has_no_type() {
        assert_eq!(Wanted::subject_name(" App ").unwrap(), Wanted::SubjectName("app".into()));
        for written in ["CN=app", "cn = app", " "] {
            assert!(Wanted::subject_name(written).is_err(), "{written:?}");
        }
    }

    #[test]
    fn subjects_with_commas_and_other_names_of_types() {
        let of = |written| match Wanted::distinguished_name(written).unwrap() {
            Wanted::DistinguishedName(parts) => parts,
            other => panic!("{other}"),
        };
        assert_eq!(of("CN=App, O=\"Contoso, Ltd\""), of("cn=app,o=Contoso\\, Ltd"));
        assert_eq!(of("S=WA, E=o@contoso.example"), of("ST=wa; emailAddress=O@contoso.example"));
        for written in ["", "app.contoso.example", "CN=", "=app", "CN=a,,O=b"] {
            assert!(Wanted::distinguished_name(written).is_err(), "{written:?}");
        }
    }
}
