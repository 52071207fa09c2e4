//! Reads the section of an API (`AzureAd`), and tells everything that is wrong with it at once.

use entra_abstractions::{
    Authority, ClientId, Faults, Misconfigured, Section,
    section::{known, nearest},
};

use crate::{
    algorithm::Algorithm,
    issuer::{Issuers, Tenancy},
    rules::{Audience, Rules},
};

/// What the configuration says, checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) authority: Authority,
    pub(crate) rules: Rules,
    pub(crate) algorithms: Vec<Algorithm>,
}

impl Config {
    /// Nothing but what must be said; everything else as it is best.
    pub(crate) fn new(authority: Authority, client: &ClientId) -> Result<Self, Misconfigured> {
        let tenancy = Tenancy::of(&authority)?;
        Ok(Self::of(authority, tenancy, client))
    }

    fn of(authority: Authority, tenancy: Tenancy, client: &ClientId) -> Self {
        let audience = match tenancy {
            Tenancy::UserFlow(_) => Audience::Client(client.to_string()),
            _ => Audience::of_client(client),
        };
        let rules =
            Rules { audience, issuers: Issuers::of(tenancy), is_open_to_acl: false, maps_claims: true };
        Self { authority, rules, algorithms: vec![Algorithm::Rs256] }
    }

    pub(crate) fn read(section: &Section) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        let config = Self::from_section(section, &mut faults);
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(faults.into_error()),
        }
    }

    fn from_section(section: &Section, faults: &mut Faults) -> Option<Self> {
        if section.is_absent() {
            faults.add(
                Misconfigured::new("missing").at(section.path()).hint("the section of the app registration"),
            );
            return None;
        }
        section.check_keys(known::APPLICATION, faults);
        refuse_what_is_not_done(section, faults);
        let client = client_id(section, faults);
        let authority = Authority::from_section(section, faults);
        let tenancy = authority.as_ref().and_then(|authority| {
            faults.take(Tenancy::of(authority).map_err(|fault| fault.at(section.path())))
        });
        let validation = section.section("TokenValidationParameters");
        validation.check_keys(known::TOKEN_VALIDATION_PARAMETERS, faults);
        let issuers = texts(&validation, &["ValidIssuer", "ValidIssuers"], faults);
        let mut audiences = texts(section, &["Audience", "Audiences"], faults);
        audiences.extend(texts(&validation, &["ValidAudience", "ValidAudiences"], faults));
        let algorithms = algorithms(&validation, faults);
        let checks_issuer = validation.flag("ValidateIssuer", faults).unwrap_or(true);
        let is_open_to_acl = section.flag("AllowWebApiToBeAuthorizedByACL", faults).unwrap_or(false);
        let maps_claims = section.flag("MapInboundClaims", faults).unwrap_or(true);
        let mut config = Self::of(authority?, tenancy?, &client?);
        for audience in audiences {
            config.rules.audience.add(audience);
        }
        config.rules.issuers.listed = Some(issuers).filter(|issuers| !issuers.is_empty());
        config.rules.issuers.are_checked = checks_issuer;
        config.rules.is_open_to_acl = is_open_to_acl;
        config.rules.maps_claims = maps_claims;
        config.algorithms = algorithms;
        Some(config)
    }
}

fn client_id(section: &Section, faults: &mut Faults) -> Option<ClientId> {
    let at = section.path_of("ClientId");
    let Some(client) = section.text("ClientId", faults) else {
        faults.add(
            Misconfigured::new("missing")
                .at(at)
                .hint("the application (client) id of the API's app registration"),
        );
        return None;
    };
    faults.take(ClientId::new(client).map_err(|fault| fault.at(at)))
}

/// Configurations that this version does not serve are refused by their name: half of them served
/// would be worse.
fn refuse_what_is_not_done(section: &Section, faults: &mut Faults) {
    for key in ["TokenDecryptionCertificates", "TokenDecryptionCredentials"] {
        if !section.list(key, faults).is_empty() {
            faults.add(
                Misconfigured::new("encrypted tokens are not supported")
                    .at(section.path_of(key))
                    .hint("remove the encryption key from the app registration's manifest"),
            );
        }
    }
}

/// Texts under several keys, each one or a list.
fn texts(section: &Section, keys: &[&str], faults: &mut Faults) -> Vec<String> {
    let mut found = Vec::new();
    for key in keys {
        let words = section.words(key, faults);
        // A key that is there and says nothing would silently mean the default.
        if words.as_ref().is_some_and(Vec::is_empty) {
            faults.add(
                Misconfigured::new("empty").at(section.path_of(key)).hint("give a value, or remove the key"),
            );
        }
        found.extend(words.unwrap_or_default());
    }
    found
}

fn algorithms(validation: &Section, faults: &mut Faults) -> Vec<Algorithm> {
    let names = texts(validation, &["ValidAlgorithms"], faults);
    if names.is_empty() {
        return vec![Algorithm::Rs256];
    }
    let known = Algorithm::ALL.map(Algorithm::name);
    let read = |name: &String| {
        Algorithm::parse(name).ok_or_else(|| {
            let fault = Misconfigured::new(format!("unknown algorithm \"{name}\""))
                .at(validation.path_of("ValidAlgorithms"));
            match nearest(name, &known) {
                Some(known) => fault.hint(format!("did you mean {known}?")),
                None => fault.hint(format!("one of {}", known.join(", "))),
            }
        })
    };
    names.iter().filter_map(|name| faults.take(read(name))).collect()
}

#[cfg(test)]
mod tests;
