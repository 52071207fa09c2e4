//! The user flow of Azure AD B2C: it stands in a path behind the tenant, and in the tokens of those who came through it.

/// A user flow, as an authority names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserFlow {
    /// As it was written.
    pub(crate) policy: String,
    /// Whether the path begins with `tfp`; then the issuer names the user flow, too.
    has_tfp: bool,
}

impl UserFlow {
    /// Takes the user flow out of a path, so that it reads like that of a workforce tenant.
    pub(crate) fn take_out(segments: &mut Vec<&str>) -> Option<Self> {
        let is = |segment: &str, start: &str| {
            segment.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start))
        };
        let has_tfp = match segments.as_slice() {
            [tfp, _tenant, _policy, ..] if tfp.eq_ignore_ascii_case("tfp") => true,
            [_tenant, policy, ..] if is(policy, "b2c_1") => false,
            _ => return None,
        };
        if has_tfp {
            segments.remove(0);
        }
        Some(Self { policy: segments.remove(1).to_owned(), has_tfp })
    }

    /// The authority below this address.
    pub(crate) fn authority(&self, base: &str, tenant: &str) -> String {
        let tfp = if self.has_tfp { "/tfp" } else { "" };
        format!("{base}{tfp}/{tenant}/{}", self.policy)
    }

    /// What tokens call the issuer, at this address. Unlike those of workforce tenants it ends in a slash.
    pub(crate) fn issuer(&self, base: &str, tenant_id: &str) -> String {
        if self.has_tfp {
            format!("{base}/tfp/{tenant_id}/{}/v2.0/", self.policy.to_ascii_lowercase())
        } else {
            format!("{base}/{tenant_id}/v2.0/")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_flow_stands_behind_its_tenant() {
        let taken = |path: &str| {
            let mut segments: Vec<&str> = path.split('/').collect();
            let flow = UserFlow::take_out(&mut segments)?;
            let (authority, issuer) = (flow.authority("https://b", "t"), flow.issuer("https://b", "id"));
            Some((segments.join("/"), authority, issuer))
        };
        let found = |rest: &str, authority: &str, issuer: &str| {
            Some((rest.to_owned(), authority.to_owned(), issuer.to_owned()))
        };
        assert_eq!(
            taken("TFP/t/B2C_1_susi/v2.0"),
            found("t/v2.0", "https://b/tfp/t/B2C_1_susi", "https://b/tfp/id/b2c_1_susi/v2.0/")
        );
        assert_eq!(
            taken("t/b2c_1a_custom/v2.0"),
            found("t/v2.0", "https://b/t/b2c_1a_custom", "https://b/id/v2.0/")
        );
        for path in ["", "t", "t/v2.0", "tfp", "tfp/t", "b2c_1_susi/t", "t/é_1_susi"] {
            assert_eq!(taken(path), None, "{path}");
        }
    }
}
