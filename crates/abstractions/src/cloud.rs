//! The clouds of Entra, by heart: each one's login hosts, and what follows from them.

use std::{fmt, str::FromStr};

use crate::{Misconfigured, section::nearest};

/// A cloud in which Entra runs: a world of its own, with its own tenants and login hosts.
///
/// Exhaustive on purpose: code that decides by cloud does not compile until it has decided for a
/// new one.
///
/// ```
/// use entra_abstractions::Cloud;
///
/// let cloud = Cloud::of_host("login.usgovcloudapi.net").ok_or("not a cloud's")?;
/// assert_eq!(cloud, Cloud::UsGovernment);
/// assert_eq!(cloud.login_host(), "login.microsoftonline.us");
/// assert_eq!(cloud.exchange_audience(), "api://AzureADTokenExchangeUSGov");
/// # Ok::<(), &str>(())
/// ```
#[doc(alias = "AzureCloudInstance")]
#[expect(clippy::exhaustive_enums, reason = "whoever decides by cloud must decide for each")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// The cloud of nearly everybody.
    #[doc(alias = "AzurePublic")]
    Public,
    /// Operated by 21Vianet in China.
    #[doc(alias = "AzureChina")]
    China,
    /// Of the government of the United States.
    #[doc(alias = "AzureUsGovernment")]
    UsGovernment,
    /// Of France.
    #[doc(alias = "GovFr")]
    Bleu,
    /// Of Germany.
    #[doc(alias = "GovDe")]
    Delos,
    /// Of the government of Singapore.
    GovSg,
}

impl Cloud {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Public, Self::China, Self::UsGovernment, Self::Bleu, Self::Delos, Self::GovSg];

    /// The cloud that a login host belongs to, under any of its names.
    pub fn of_host(host: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| cloud.hosts().iter().any(|own| own.eq_ignore_ascii_case(host)))
    }

    /// The host that is asked for tokens.
    pub const fn login_host(self) -> &'static str {
        match self {
            Self::Public => "login.microsoftonline.com",
            Self::China => "login.partner.microsoftonline.cn",
            Self::UsGovernment => "login.microsoftonline.us",
            Self::Bleu => "login.sovcloud-identity.fr",
            Self::Delos => "login.sovcloud-identity.de",
            Self::GovSg => "login.sovcloud-identity.sg",
        }
    }

    /// All names of the login host: whichever is configured, it is the same Entra.
    pub const fn hosts(self) -> &'static [&'static str] {
        match self {
            Self::Public => {
                &["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]
            }
            Self::China => &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
            Self::UsGovernment => &["login.microsoftonline.us", "login.usgovcloudapi.net"],
            Self::Bleu => &["login.sovcloud-identity.fr"],
            Self::Delos => &["login.sovcloud-identity.de"],
            Self::GovSg => &["login.sovcloud-identity.sg"],
        }
    }

    /// The host below which each region has a token endpoint of its own, as in
    /// `westus2.login.microsoft.com`.
    pub const fn regional_host(self) -> &'static str {
        match self {
            Self::Public => "login.microsoft.com",
            Self::China | Self::UsGovernment | Self::Bleu | Self::Delos | Self::GovSg => self.login_host(),
        }
    }

    /// The host at which clients show their certificate (RFC 8705); below it, each region's own, as in
    /// `westus2.mtlsauth.microsoft.com`.
    pub const fn mtls_host(self) -> &'static str {
        match self {
            Self::Public => "mtlsauth.microsoft.com",
            Self::China => "mtlsauth.partner.microsoftonline.cn",
            Self::UsGovernment => "mtlsauth.microsoftonline.us",
            Self::Bleu => "mtlsauth.sovcloud-identity.fr",
            Self::Delos => "mtlsauth.sovcloud-identity.de",
            Self::GovSg => "mtlsauth.sovcloud-identity.sg",
        }
    }

    /// The audience of a token that serves as an assertion for another exchange in this cloud;
    /// with `/.default` behind it, the scope to ask for.
    /// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>
    #[doc(alias = "TokenExchangeUrl")]
    pub const fn exchange_audience(self) -> &'static str {
        match self {
            Self::Public => "api://AzureADTokenExchange",
            Self::China => "api://AzureADTokenExchangeChina",
            Self::UsGovernment => "api://AzureADTokenExchangeUSGov",
            Self::Bleu => "api://AzureADTokenExchangeFrance",
            Self::Delos => "api://AzureADTokenExchangeGermany",
            Self::GovSg => "api://AzureADTokenExchangeGovSG",
        }
    }

    /// Its name as the value of `AzureCloudInstance`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "AzurePublic",
            Self::China => "AzureChina",
            Self::UsGovernment => "AzureUsGovernment",
            Self::Bleu => "GovFr",
            Self::Delos => "GovDe",
            Self::GovSg => "GovSg",
        }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Cloud {
    type Err = Misconfigured;

    /// The value of `AzureCloudInstance`.
    fn from_str(name: &str) -> Result<Self, Misconfigured> {
        let name = name.trim();
        if let Some(cloud) = Self::ALL.into_iter().find(|cloud| cloud.name().eq_ignore_ascii_case(name)) {
            return Ok(cloud);
        }
        if name.eq_ignore_ascii_case("AzureGermany") {
            return Err(Misconfigured::new("the cloud AzureGermany was closed in 2021")
                .hint("its tenants moved to AzurePublic; the sovereign cloud of Germany is GovDe"));
        }
        let names = Self::ALL.map(Self::name);
        let fault = Misconfigured::new(format!("unknown cloud \"{name}\""));
        Err(match nearest(name, &names) {
            Some(known) => fault.hint(format!("did you mean {known}?")),
            None => fault.hint(format!("one of {}", names.join(", "))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_leads_to_its_cloud_alone() {
        for cloud in Cloud::ALL {
            assert_eq!(cloud.hosts().first(), Some(&cloud.login_host()));
            for host in cloud.hosts() {
                assert_eq!(Cloud::of_host(&host.to_ascii_uppercase()), Some(cloud));
            }
            assert_eq!(cloud.name().to_ascii_uppercase().parse::<Cloud>().unwrap(), cloud);
        }
        for stranger in
            ["", "login.microsoftonline.com.evil.example", "xlogin.microsoftonline.com", "localhost"]
        {
            assert_eq!(Cloud::of_host(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn a_wrong_name_is_told_with_the_right_one() {
        let told = |name: &str| name.parse::<Cloud>().unwrap_err().to_string();
        assert_eq!(told("AzureChinna"), "unknown cloud \"AzureChinna\" (did you mean AzureChina?)");
        assert!(told("AzureGermany").contains("closed in 2021"));
        assert!(
            told("Mars")
                .ends_with("(one of AzurePublic, AzureChina, AzureUsGovernment, GovFr, GovDe, GovSg)")
        );
    }
}
