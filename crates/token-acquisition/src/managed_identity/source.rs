//! Where the tokens of managed identities come from on this host: the environment says it, and
//! nothing is probed.

use std::path::Path;

use entra_abstractions::{Environment, Misconfigured};

use super::{
    app_service::AppService,
    ask::{Ask, Outgoing},
    azure_arc::AzureArc,
    azure_ml::AzureMl,
    cloud_shell::CloudShell,
    imds::Imds,
    retry::Patience,
    service_fabric::ServiceFabric,
};

/// What hands out the tokens, with what the environment says of it.
#[derive(Debug)]
pub(super) enum Source {
    ServiceFabric(ServiceFabric),
    AppService(AppService),
    AzureMl(AzureMl),
    CloudShell(CloudShell),
    AzureArc(AzureArc),
    Imds(Imds),
}

impl Source {
    /// The source that the environment describes. The order is that of all of Microsoft's
    /// libraries: App Service sets the variables of its older version, too.
    ///
    /// # Errors
    /// [`Misconfigured`] when a variable holds no URL.
    pub(super) fn of(environment: &Environment, arc_keys: Option<&Path>) -> Result<Self, Misconfigured> {
        if let Some(source) = ServiceFabric::from_environment(environment)? {
            return Ok(Self::ServiceFabric(source));
        }
        if let Some(source) = AppService::from_environment(environment)? {
            return Ok(Self::AppService(source));
        }
        if let Some(source) = AzureMl::from_environment(environment)? {
            return Ok(Self::AzureMl(source));
        }
        if let Some(source) = CloudShell::from_environment(environment)? {
            return Ok(Self::CloudShell(source));
        }
        if let Some(source) = AzureArc::from_environment(environment, arc_keys)? {
            return Ok(Self::AzureArc(source));
        }
        Imds::from_environment(environment).map(Self::Imds)
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::ServiceFabric(_) => ServiceFabric::NAME,
            Self::AppService(_) => AppService::NAME,
            Self::AzureMl(_) => AzureMl::NAME,
            Self::CloudShell(_) => CloudShell::NAME,
            Self::AzureArc(_) => AzureArc::NAME,
            Self::Imds(_) => Imds::NAME,
        }
    }

    /// # Errors
    /// [`Misconfigured`] when this source cannot be asked for that identity.
    pub(super) fn request(&self, ask: &Ask<'_>) -> Result<Outgoing, Misconfigured> {
        let mut request = match self {
            Self::ServiceFabric(source) => source.request(ask),
            Self::AppService(source) => source.request(ask),
            Self::AzureMl(source) => source.request(ask),
            Self::CloudShell(source) => source.request(ask),
            Self::AzureArc(source) => source.request(ask),
            Self::Imds(source) => Ok(source.request(ask)),
        }?;
        for parameter in ask.parameters {
            request.query(parameter.name(), parameter.value());
        }
        Ok(request)
    }

    /// The one that issues certificates.
    ///
    /// # Errors
    /// [`Misconfigured`] where it is another.
    pub(super) fn issuer(&self) -> Result<&Imds, Misconfigured> {
        match self {
            Self::Imds(source) => Ok(source),
            other => Err(Misconfigured::new(format!(
                "{} issues no certificates, so tokens of its identities cannot be bound",
                other.name()
            ))
            .hint("run on a virtual machine whose metadata service does, or leave ProtocolScheme out")),
        }
    }

    /// How often it is asked again.
    pub(super) fn patience(&self) -> Patience {
        match self {
            Self::Imds(_) => Patience::METADATA_SERVICE,
            _ => Patience::OTHERS,
        }
    }
}

/// A variable that says something.
pub(super) fn variable<'a>(environment: &'a Environment, name: &str) -> Option<&'a str> {
    environment.get(name).filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: &str) {
        let environment = Environment::from_pairs(variables.iter().copied());
        let found = match Source::of(&environment, None) {
            Ok(source) => source.name().to_owned(),
            Err(fault) => fault.to_string(),
        };
        assert!(found.starts_with(expected), "{variables:?}: {found}");
    }

    const ENDPOINT: (&str, &str) = ("IDENTITY_ENDPOINT", "http://localhost:1/msi");
    const HEADER: (&str, &str) = ("IDENTITY_HEADER", "s3cret?%G&=");
    const OLD_ENDPOINT: (&str, &str) = ("MSI_ENDPOINT", "http://localhost:2/msi");
    const OLD_SECRET: (&str, &str) = ("MSI_SECRET", "s3cret?%G&=");

    #[test]
    fn the_environment_says_it() {
        check(&[], Imds::NAME);
        check(&[ENDPOINT, HEADER, ("IDENTITY_SERVER_THUMBPRINT", "AB")], ServiceFabric::NAME);
        check(&[ENDPOINT, HEADER], AppService::NAME);
        check(&[ENDPOINT, HEADER, OLD_ENDPOINT, OLD_SECRET], AppService::NAME);
        check(&[OLD_ENDPOINT, OLD_SECRET], AzureMl::NAME);
        check(&[OLD_ENDPOINT], CloudShell::NAME);
        check(&[ENDPOINT, ("IMDS_ENDPOINT", "http://localhost:3")], AzureArc::NAME);
        check(&[ENDPOINT], Imds::NAME);
        check(&[("MSI_ENDPOINT", " ")], Imds::NAME);
    }

    #[test]
    fn a_variable_without_a_url_is_named() {
        let broken = ("IDENTITY_ENDPOINT", "nowhere");
        for more in [
            [HEADER, ("IDENTITY_SERVER_THUMBPRINT", "AB")],
            [HEADER, OLD_ENDPOINT],
            [("IMDS_ENDPOINT", "x"), ("A", "b")],
        ] {
            check(
                &[broken, more[0], more[1]],
                "IDENTITY_ENDPOINT: not the URL of a managed identity endpoint",
            );
        }
        check(&[("MSI_ENDPOINT", "nowhere")], "MSI_ENDPOINT: not the URL");
        check(&[("MSI_ENDPOINT", "nowhere"), OLD_SECRET], "MSI_ENDPOINT: not the URL");
    }
}
