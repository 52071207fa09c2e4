//! Reads an authority out of a section of the configuration: one key or several, which must agree.

use super::{
    Authority,
    written::{self, Path, Written},
};
use crate::{Cloud, Faults, Misconfigured, Section, TenantId};

impl Authority {
    /// Reads `Instance` and `TenantId`, or `Authority`, of an application's section; for B2C
    /// `Domain` and `SignUpSignInPolicyId` too, and MSAL's `AzureCloudInstance` and
    /// `AadAuthorityAudience` in place of an instance and a tenant. Whatever is wrong is noted with
    /// its path; the query of an `Authority` is left to the caller.
    pub fn from_section(section: &Section, faults: &mut Faults) -> Option<Self> {
        let mut own = Faults::default();
        let mut reader = Reader { section, faults: &mut own };
        let instance = reader.instance();
        let policy = reader.read("SignUpSignInPolicyId", written::check_policy);
        let tenant = reader.tenant(policy != Said::Nothing);
        let authority = match reader.read("Authority", Written::authority) {
            Said::Nothing => reader.parts(instance, tenant, policy),
            Said::Badly => None,
            Said::Well(_, authority) => reader.whole(authority, &instance, tenant, policy),
        };
        // What was put together around a fault is none.
        let is_well = own.is_empty();
        faults.append(own);
        authority.filter(|_| is_well)
    }
}

/// What is written under a key, and which.
#[derive(Debug, PartialEq, Eq)]
enum Said<T> {
    Nothing,
    /// Something that was refused, and told.
    Badly,
    Well(&'static str, T),
}

impl<T> Said<T> {
    fn well(&self) -> Option<(&'static str, &T)> {
        match self {
            Self::Well(key, value) => Some((key, value)),
            Self::Nothing | Self::Badly => None,
        }
    }

    fn value(self) -> Option<T> {
        match self {
            Self::Well(_, value) => Some(value),
            Self::Nothing | Self::Badly => None,
        }
    }
}

struct Reader<'a> {
    section: &'a Section,
    faults: &'a mut Faults,
}

impl Reader<'_> {
    fn read<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Misconfigured>,
    ) -> Said<T> {
        let Some(text) = self.section.text(key, self.faults) else { return Said::Nothing };
        let at = self.section.path_of(key);
        match self.faults.take(parse(&text).map_err(|fault| fault.at(at))) {
            Some(value) => Said::Well(key, value),
            None => Said::Badly,
        }
    }

    fn note(&mut self, key: &str, fault: Misconfigured) {
        self.faults.add(fault.at(self.section.path_of(key)));
    }

    /// `Instance`, or the cloud that stands for one.
    fn instance(&mut self) -> Said<Written> {
        let instance = self.read("Instance", Written::instance);
        let cloud = self.read("AzureCloudInstance", |name| {
            if is_none(name) {
                return Ok(None);
            }
            let cloud: Cloud = name.parse()?;
            Written::instance(&format!("https://{}/", cloud.login_host())).map(Some)
        });
        match (&instance, cloud) {
            (Said::Nothing, Said::Well(key, Some(named))) => Said::Well(key, named),
            (Said::Nothing, Said::Badly) => Said::Badly,
            (Said::Well(_, written), Said::Well(key, Some(named))) if !written.is_at(&named) => {
                self.note(key, disagree("AzureCloudInstance", "Instance"));
                Said::Badly
            }
            _ => instance,
        }
    }

    /// `TenantId`, the audience that stands for one or, where a user flow is named, its domain.
    fn tenant(&mut self, has_user_flow: bool) -> Said<TenantId> {
        let tenant = self.read("TenantId", |text| TenantId::new(text));
        if has_user_flow {
            return match self.read("Domain", |text| TenantId::new(text)) {
                Said::Nothing => tenant,
                domain => domain,
            };
        }
        let audience = self.read("AadAuthorityAudience", audience_tenant);
        match (&tenant, audience) {
            (Said::Nothing, Said::Well(key, Some(named))) => Said::Well(key, named),
            (Said::Nothing, Said::Badly) => Said::Badly,
            (Said::Well(_, tenant), Said::Well(key, Some(named))) if !is_same(tenant, &named) => {
                self.note(key, disagree("AadAuthorityAudience", "TenantId"));
                Said::Badly
            }
            _ => tenant,
        }
    }

    /// From keys that each say a part.
    fn parts(
        &mut self,
        instance: Said<Written>,
        tenant: Said<TenantId>,
        policy: Said<String>,
    ) -> Option<Authority> {
        let has_user_flow = policy != Said::Nothing;
        let needs_tenant = match instance.well() {
            Some((_, written)) if !has_user_flow => {
                written.path != Path::Adfs && !written::is_ciam(&written.instance)
            }
            _ => true,
        };
        if matches!(instance, Said::Nothing) {
            self.note(
                "Instance",
                Misconfigured::new("missing").hint("such as https://login.microsoftonline.com/"),
            );
        }
        if tenant == Said::Nothing && needs_tenant {
            let (key, hint) = if has_user_flow {
                ("Domain", "the domain of the B2C tenant, such as contoso.onmicrosoft.com")
            } else {
                ("TenantId", "the directory (tenant) id of the app registration")
            };
            self.note(key, Misconfigured::new("missing").hint(hint));
        }
        let Said::Well(key, written) = instance else { return None };
        // Each fault once: what was refused, or is missing, has been told.
        if !self.faults.is_empty() {
            return None;
        }
        let at = self.section.path_of(key);
        let authority = Authority::from_parts(written, tenant.value(), policy.value());
        self.faults.take(authority.map_err(|fault| fault.at(at)))
    }

    /// From `Authority`, and beside it only what says the same.
    // Unlike .NET: it picks one and warns; a configuration that says two things says neither.
    fn whole(
        &mut self,
        mut authority: Written,
        instance: &Said<Written>,
        tenant: Said<TenantId>,
        policy: Said<String>,
    ) -> Option<Authority> {
        // Beside its tenant an authority is Entra's, however the tenant is called.
        if let (Path::Oidc, Some((_, tenant))) = (&authority.path, tenant.well())
            && authority.begins_with(tenant)
        {
            authority.path = Path::Tenant(Some(tenant.clone()));
        }
        let with_instance = instance.well().filter(|(_, instance)| !instance.is_at(&authority));
        let with_tenant = tenant.well().filter(|(key, tenant)| match &authority.path {
            Path::Tenant(own) | Path::Dsts(own) => own.as_ref().is_some_and(|own| !is_same(own, tenant)),
            // A user flow stands below a domain, beside which the tenant may be named by its id.
            Path::UserFlow { tenant: own, .. } => *key == "Domain" && !is_same(own, tenant),
            Path::Oidc => true,
            Path::Tfp | Path::Adfs => false,
        });
        let with_policy = policy.well().filter(|(_, policy)| match &authority.path {
            Path::UserFlow { policy: own, .. } => !own.eq_ignore_ascii_case(policy),
            _ => false,
        });
        let other = with_instance
            .map(|(key, _)| key)
            .or(with_tenant.map(|(key, _)| key))
            .or(with_policy.map(|(key, _)| key));
        if let Some(other) = other {
            let hint = match authority.path {
                Path::Oidc => {
                    "only Entra has instances and tenants: beside another provider keep Authority alone"
                }
                _ => "keep Instance and TenantId, and remove Authority",
            };
            self.note("Authority", Misconfigured::new(format!("Authority and {other} disagree")).hint(hint));
            return None;
        }
        if !self.faults.is_empty() {
            return None;
        }
        let at = self.section.path_of("Authority");
        let authority = Authority::from_parts(authority, tenant.value(), policy.value());
        self.faults.take(authority.map_err(|fault| fault.at(at)))
    }
}

/// The tenant that MSAL's `AadAuthorityAudience` stands for; nothing for the application's own.
fn audience_tenant(audience: &str) -> Result<Option<TenantId>, Misconfigured> {
    const NAMES: [(&str, Option<&str>); 4] = [
        ("AzureAdMyOrg", None),
        ("AzureAdMultipleOrgs", Some("organizations")),
        ("PersonalMicrosoftAccount", Some("consumers")),
        ("AzureAdAndPersonalMicrosoftAccount", Some("common")),
    ];
    if is_none(audience) {
        return Ok(None);
    }
    match NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(audience.trim())) {
        Some((_, tenant)) => tenant.map(TenantId::new).transpose(),
        None => Err(Misconfigured::new("unknown audience")
            .hint(format!("one of {}", NAMES.map(|(name, _)| name).join(", ")))),
    }
}

/// MSAL's word for "nothing is said here".
fn is_none(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("None")
}

fn is_same(a: &TenantId, b: &TenantId) -> bool {
    a.as_str().eq_ignore_ascii_case(b.as_str())
}

fn disagree(key: &str, other: &str) -> Misconfigured {
    Misconfigured::new(format!("{key} and {other} disagree")).hint(format!("keep {other}, and remove {key}"))
}
