//! Who issues the tokens: a cloud's login host and a tenant. Pure: it is parsed and checked here,
//! reached elsewhere.

use url::Url;

use crate::{Cloud, Faults, Misconfigured, Section, TenantId, section::is_placeholder};

/// The authority of an application: the host that issues tokens, and the configured tenant.
///
/// ```
/// use entra_abstractions::{Authority, TenantId};
///
/// let authority = Authority::new("https://login.microsoftonline.com", TenantId::new("contoso.example")?)?;
/// assert_eq!(
///     authority.token_endpoint(authority.tenant()).as_str(),
///     "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
/// );
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    instance: Url,
    tenant: TenantId,
}

impl Authority {
    /// The authority of a cloud instance and a tenant.
    ///
    /// # Errors
    /// [`Misconfigured`] when the instance is not an `https` URL of a host alone. Plain `http` is
    /// allowed for loopback, where a test's Entra lives.
    pub fn new(instance: &str, tenant: TenantId) -> Result<Self, Misconfigured> {
        Ok(Self { instance: host_alone(instance)?, tenant })
    }

    /// The authority that a single URL names, such as
    /// `https://login.microsoftonline.com/contoso.example/v2.0`.
    ///
    /// # Errors
    /// [`Misconfigured`] as [`new`](Self::new), and when the URL names no tenant.
    pub fn parse(authority: &str) -> Result<Self, Misconfigured> {
        let mut url = parse(authority)?;
        let tenant =
            url.path_segments().and_then(|mut segments| segments.next()).unwrap_or_default().to_owned();
        if matches!(tenant.as_str(), "adfs" | "dstsv2" | "tfp") {
            return Err(Misconfigured::new(format!(
                "authorities of the kind \"{tenant}\" are not supported"
            )));
        }
        refuse_other_kinds(&url)?;
        if tenant.is_empty() {
            return Err(Misconfigured::new("the authority names no tenant")
                .hint("write it as https://login.microsoftonline.com/{tenant}/v2.0"));
        }
        let tenant = TenantId::new(tenant)?;
        url.set_path("/");
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self { instance: url, tenant })
    }

    /// Reads `Instance` and `TenantId`, or `Authority`, of an application's section. Whatever is
    /// wrong is noted with its path; the query of an `Authority` is left to the caller.
    pub fn from_section(section: &Section, faults: &mut Faults) -> Option<Self> {
        let instance = section.text("Instance", faults);
        let tenant = section.text("TenantId", faults);
        let tenant_at = section.path_of("TenantId");
        let says_tenant = tenant.is_some();
        let tenant = tenant
            .and_then(|tenant| faults.take(TenantId::new(tenant).map_err(|fault| fault.at(&tenant_at))));
        let Some(authority) = section.text("Authority", faults) else {
            return Self::from_parts(section, instance, tenant, faults);
        };
        let at = section.path_of("Authority");
        let authority = faults.take(Self::parse(&authority).map_err(|fault| fault.at(&at)))?;
        let instance_agrees = match &instance {
            None => true,
            Some(instance) => parse(instance).is_ok_and(|url| url.origin() == authority.instance.origin()),
        };
        let tenant_agrees = tenant
            .as_ref()
            .is_none_or(|tenant| tenant.as_str().eq_ignore_ascii_case(authority.tenant.as_str()));
        // Unlike .NET: it picks one and warns; a configuration that says two things says neither.
        if !instance_agrees || !tenant_agrees {
            let key = if instance_agrees { "TenantId" } else { "Instance" };
            faults.add(
                Misconfigured::new(format!("Authority and {key} disagree"))
                    .at(&at)
                    .hint("keep Instance and TenantId, and remove Authority"),
            );
            return None;
        }
        // A tenant that is none has been told already.
        (tenant.is_some() || !says_tenant).then_some(authority)
    }

    fn from_parts(
        section: &Section,
        instance: Option<String>,
        tenant: Option<TenantId>,
        faults: &mut Faults,
    ) -> Option<Self> {
        if instance.is_none() {
            faults.add(
                Misconfigured::new("missing")
                    .at(section.path_of("Instance"))
                    .hint("such as https://login.microsoftonline.com/"),
            );
        }
        // One that was refused has been told already.
        if section.text("TenantId", &mut Faults::default()).is_none() {
            faults.add(
                Misconfigured::new("missing")
                    .at(section.path_of("TenantId"))
                    .hint("the directory (tenant) id of the app registration"),
            );
        }
        let at = section.path_of("Instance");
        let instance = faults.take(host_alone(&instance?).map_err(|fault| fault.at(&at)));
        Some(Self { instance: instance?, tenant: tenant? })
    }

    /// The cloud instance: scheme, host and port.
    pub fn instance(&self) -> &Url {
        &self.instance
    }

    /// The host, as it may stand in logs.
    pub fn host(&self) -> &str {
        self.instance.host_str().unwrap_or_default()
    }

    /// The cloud that the host belongs to, where it is one of those known by heart.
    pub fn cloud(&self) -> Option<Cloud> {
        Cloud::of_host(self.host())
    }

    /// The configured tenant.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Where tokens of a tenant are issued. Entra's endpoints are known by heart; nothing is
    /// discovered.
    pub fn token_endpoint(&self, tenant: &TenantId) -> Url {
        self.endpoint(tenant, "oauth2/v2.0/token")
    }

    /// Where users of a tenant sign in.
    pub fn authorize_endpoint(&self, tenant: &TenantId) -> Url {
        self.endpoint(tenant, "oauth2/v2.0/authorize")
    }

    /// Where the metadata of a tenant is, for version 2.0 or, with an empty version, 1.0.
    pub fn metadata_endpoint(&self, tenant: &TenantId, version: &str) -> Url {
        let version = if version.is_empty() { String::new() } else { format!("{version}/") };
        self.endpoint(tenant, &format!("{version}.well-known/openid-configuration"))
    }

    fn endpoint(&self, tenant: &TenantId, path: &str) -> Url {
        let mut url = self.instance.clone();
        url.set_path(&format!("/{tenant}/{path}"));
        url
    }
}

fn host_alone(instance: &str) -> Result<Url, Misconfigured> {
    let instance = parse(instance)?;
    if !matches!(instance.path(), "" | "/") {
        return Err(Misconfigured::new("the instance has a path").hint(
            "give the host alone, such as https://login.microsoftonline.com/, and the tenant as TenantId",
        ));
    }
    // It would go along to every endpoint.
    if instance.query().is_some() || instance.fragment().is_some() {
        return Err(Misconfigured::new("the instance has a query or a fragment")
            .hint("give the host alone, and parameters as ExtraQueryParameters"));
    }
    refuse_other_kinds(&instance)?;
    Ok(instance)
}

fn parse(text: &str) -> Result<Url, Misconfigured> {
    safe_url(text, "https://login.microsoftonline.com/")
}

/// Reads the URL of a server that secrets are sent to.
///
/// # Errors
/// [`Misconfigured`] when it is a placeholder, not absolute, not [safe](is_safe), or holds a user name
/// or password. `example` is what the hint shows.
pub fn safe_url(text: &str, example: &str) -> Result<Url, Misconfigured> {
    if is_placeholder(text) {
        return Err(Misconfigured::new("a placeholder, not a URL").hint(format!("such as {example}")));
    }
    let url = Url::parse(text.trim()).map_err(|error| {
        Misconfigured::new("not an absolute URL").hint(format!("such as {example}")).with_source(error)
    })?;
    if !is_safe(&url) {
        return Err(Misconfigured::new("not an https URL").hint("secrets and tokens travel over https only"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Misconfigured::new("the URL holds a user name or password"));
    }
    Ok(url)
}

/// Whether secrets may be sent there: over `https`, or to this machine itself.
pub fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_this_machine(url),
        _ => false,
    }
}

/// Whether a URL leads back to this machine.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(host)) => host.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Kinds of authority whose endpoints and tenants follow other rules: refused by name, rather than
/// asked at the wrong address.
fn refuse_other_kinds(url: &Url) -> Result<(), Misconfigured> {
    let host = url.host_str().unwrap_or_default();
    let kind = match host {
        host if host.ends_with(".ciamlogin.com") => "Entra External ID (CIAM)",
        host if host.ends_with(".b2clogin.com") => "Azure AD B2C",
        _ => return Ok(()),
    };
    Err(Misconfigured::new(format!("authorities of {kind} are not supported"))
        .hint("use an authority of a workforce tenant"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(section: serde_json::Value, expected: &str) {
        let mut faults = Faults::default();
        let authority = Authority::from_section(&Section::new("AzureAd", section), &mut faults);
        let found = match authority {
            Some(authority) => authority.token_endpoint(authority.tenant()).to_string(),
            None => faults.into_error().to_string(),
        };
        assert!(found.starts_with(expected), "{found}");
    }

    #[test]
    fn instance_and_tenant() {
        let expected = "https://login.microsoftonline.us/contoso.example/oauth2/v2.0/token";
        check(
            json!({"Instance": "https://login.microsoftonline.us", "TenantId": "contoso.example"}),
            expected,
        );
        check(json!({"Authority": "https://login.microsoftonline.us/contoso.example/v2.0?dc=x#y"}), expected);
        check(json!({"Instance": "http://127.0.0.1:5000/", "TenantId": "t"}), "http://127.0.0.1:5000/t/");
    }

    #[test]
    fn agreeing_twice_is_fine_and_disagreeing_is_refused() {
        let authority = "https://login.microsoftonline.com/contoso.example/v2.0";
        check(
            json!({"Authority": authority, "Instance": "https://login.microsoftonline.com", "TenantId": "Contoso.example"}),
            "https://login.microsoftonline.com/contoso.example/",
        );
        check(
            json!({"Authority": authority, "TenantId": "fabrikam.example"}),
            "AzureAd.Authority: Authority and TenantId disagree",
        );
        check(
            json!({"Authority": authority, "Instance": "https://login.microsoftonline.us"}),
            "AzureAd.Authority: Authority and Instance disagree",
        );
    }

    #[test]
    fn one_fault_hides_no_other() {
        check(
            json!({
                "Authority": "https://login.microsoftonline.com/contoso.example",
                "Instance": "https://login.microsoftonline.us", "TenantId": "your-tenant-id",
            }),
            "2 faults: AzureAd.TenantId: \"your-tenant-id\" is a placeholder, not a tenant id (put in the tenant id \
             that the Entra admin center shows); AzureAd.Authority: Authority and Instance disagree",
        );
        check(
            json!({"Instance": "http://login.example", "TenantId": "your-tenant-id"}),
            "2 faults: AzureAd.TenantId: \"your-",
        );
        check(json!({"Instance": "http://login.example"}), "2 faults: AzureAd.TenantId: missing");
    }

    #[test]
    fn what_is_missing_or_unsafe() {
        check(json!({}), "2 faults: AzureAd.Instance: missing");
        check(json!({"Instance": "https://login.microsoftonline.com"}), "AzureAd.TenantId: missing");
        check(
            json!({"Instance": "http://login.example", "TenantId": "t"}),
            "AzureAd.Instance: not an https URL",
        );
        check(
            json!({"Instance": "https://u:p@login.example", "TenantId": "t"}),
            "AzureAd.Instance: the URL holds",
        );
        check(
            json!({"Instance": "https://login.example", "TenantId": "your-tenant-id"}),
            "AzureAd.TenantId: \"your-",
        );
        check(
            json!({"Instance": "https://login.example/?secret=s3cret", "TenantId": "t"}),
            "AzureAd.Instance: the instance has a query or a fragment (",
        );
        check(
            json!({"Authority": "https://login.example/"}),
            "AzureAd.Authority: the authority names no tenant",
        );
        check(json!({"Authority": "login.example/t"}), "AzureAd.Authority: not an absolute URL");
    }
}
