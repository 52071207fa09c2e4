//! Reads a `scope`: which resource it is for, and what is asked there.

use crate::directory::{App, Directory, Tenant};
use crate::refusal::{Reason, Refusal};

/// A scope, understood.
pub(crate) struct Asked<'d> {
    pub(crate) resource: &'d App,
    /// The resource as the client wrote it: what a v1 token's `aud` repeats. Empty for a bare Graph scope.
    pub(crate) written: String,
    /// Permission names without their resource, `.default` excepted.
    pub(crate) permissions: Vec<String>,
    pub(crate) is_default: bool,
    pub(crate) openid: bool,
    pub(crate) offline: bool,
}

/// Reads the scope of a token request. A word without a resource is Graph's.
pub(crate) fn read<'d>(scope: &str, directory: &'d Directory, tenant: &Tenant) -> Result<Asked<'d>, Refusal> {
    let (reserved, words): (Vec<&str>, Vec<&str>) =
        scope.split_whitespace().partition(|word| is_reserved(word));
    let mut asked = Asked {
        resource: graph(directory, tenant)?,
        written: String::new(),
        permissions: Vec::new(),
        is_default: false,
        openid: reserved.iter().any(|word| word.eq_ignore_ascii_case("openid")),
        offline: reserved.iter().any(|word| word.eq_ignore_ascii_case("offline_access")),
    };
    for (at, word) in words.iter().enumerate() {
        let (written, permission) = word.rsplit_once('/').unwrap_or(("", word));
        let resource = if written.is_empty() {
            graph(directory, tenant)?
        } else {
            resource(written, directory, tenant)?
        };
        if at > 0 && resource.client_id != asked.resource.client_id {
            return Err(Reason::SeveralResources
                .because("Provided value for the input parameter scope is not valid because it contains more than one resource."));
        }
        asked.resource = resource;
        written.clone_into(&mut asked.written);
        if permission.eq_ignore_ascii_case(".default") {
            asked.is_default = true;
        } else if permission.is_empty() {
            return Err(malformed(word));
        } else {
            asked.permissions.push(permission.to_owned());
        }
    }
    if asked.is_default && !asked.permissions.is_empty() {
        return Err(Reason::ScopeMalformed.because(format!(
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid. .default scope can't be combined with resource-specific scopes."
        )));
    }
    Ok(asked)
}

impl Asked<'_> {
    /// The `scope` of the answer: each permission under the resource's name as it was asked, and `.default` if that was.
    pub(crate) fn answer(&self, granted: &[String]) -> String {
        let prefixed = |name: &str| match self.written.as_str() {
            "" => name.to_owned(),
            written => format!("{written}/{name}"),
        };
        let mut words: Vec<String> = granted.iter().map(|name| prefixed(name)).collect();
        if self.is_default {
            words.push(prefixed(".default"));
        }
        words.join(" ")
    }
}

fn resource<'d>(written: &str, directory: &'d Directory, tenant: &Tenant) -> Result<&'d App, Refusal> {
    let name = written.trim_end_matches('/');
    let found = directory.apps.iter().find(|app| {
        app.client_id.eq_ignore_ascii_case(name)
            || app.id_uris.iter().any(|uri| uri.trim_end_matches('/').eq_ignore_ascii_case(name))
    });
    found.filter(|app| directory.is_installed(app, tenant)).ok_or_else(|| {
        Reason::UnknownResource.because(format!(
            "The resource principal named {name} was not found in the tenant named {}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.",
            tenant.id
        ))
    })
}

fn graph<'d>(directory: &'d Directory, tenant: &Tenant) -> Result<&'d App, Refusal> {
    resource("https://graph.microsoft.com", directory, tenant)
}

fn is_reserved(word: &str) -> bool {
    ["openid", "profile", "email", "offline_access"]
        .iter()
        .any(|reserved| word.eq_ignore_ascii_case(reserved))
}

fn malformed(word: &str) -> Refusal {
    Reason::ScopeMalformed.because(format!(
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {word} is not valid."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scope: &str, expected: Result<(&str, &str, &[&str], bool), u32>) {
        let directory = Directory::default();
        let read = read(scope, &directory, &directory.tenants[0]);
        let seen = read.as_ref().map_err(Refusal::number).map(|asked| {
            let names: Vec<&str> = asked.permissions.iter().map(String::as_str).collect();
            (asked.resource.name.as_str(), asked.written.as_str(), names, asked.is_default)
        });
        assert_eq!(seen, expected.map(|(a, b, c, d)| (a, b, c.to_vec(), d)), "{scope}");
    }

    #[test]
    fn scopes_are_read_as_entra_reads_them() {
        check("User.Read openid", Ok(("graph", "", &["User.Read"], false)));
        check(
            "https://graph.microsoft.com/.default",
            Ok(("graph", "https://graph.microsoft.com", &[], true)),
        );
        check(
            "API://Orders/read api://orders/write",
            Ok(("orders", "api://orders", &["read", "write"], false)),
        );
        check(
            "f60cb8c7-5b9d-4e66-9fb0-6c7d8e9f0a07/.default",
            Ok(("orders", "f60cb8c7-5b9d-4e66-9fb0-6c7d8e9f0a07", &[], true)),
        );
        check(
            "https://vault.azure.net//.default",
            Ok(("azure-key-vault", "https://vault.azure.net/", &[], true)),
        );
        check("openid profile", Ok(("graph", "", &[], false)));
        check("api://nowhere/read", Err(500_011));
        check("api://orders/read User.Read", Err(28000));
        check("api://orders/.default api://orders/read", Err(70011));
        check("api://orders/", Err(70011));
    }
}
