//! Reads a directory from TOML or JSON and refuses one that contradicts itself.

use std::fmt;
use std::path::Path;

use super::{Directory, first_party};
use crate::toml_error;

/// A directory file that cannot be used. Whoever wrote the file must act; every problem is listed.
#[derive(Debug)]
pub struct DirectoryError {
    problems: Vec<String>,
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the directory cannot be used: {}", self.problems.join("; "))
    }
}

impl std::error::Error for DirectoryError {}

impl Directory {
    /// The ready-made directory as the TOML text that it is read from: a template for one's own.
    pub const READY_MADE: &str = include_str!("ready-made.toml");

    /// Reads a directory from TOML.
    ///
    /// # Errors
    /// [`DirectoryError`] when the text is not TOML, has an unknown member, or refers to what is not there.
    pub fn from_toml(text: &str) -> Result<Self, DirectoryError> {
        let read: Self = toml::from_str(text)
            .map_err(|error| DirectoryError { problems: vec![toml_error::say(text, &error)] })?;
        read.checked()
    }

    /// Reads a directory from JSON of the same shape.
    ///
    /// # Errors
    /// As [`Directory::from_toml`].
    pub fn from_json(text: &str) -> Result<Self, DirectoryError> {
        let read: Self = serde_json::from_str(text)
            .map_err(|error| DirectoryError { problems: vec![error.to_string()] })?;
        read.checked()
    }

    /// Reads a directory from a file: JSON where it is called `.json`, else TOML.
    ///
    /// # Errors
    /// As [`Directory::from_toml`]; also when the file cannot be read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, DirectoryError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| DirectoryError {
            problems: vec![format!("{} cannot be read: {error}", path.display())],
        })?;
        let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        if json { Self::from_json(&text) } else { Self::from_toml(&text) }
    }

    /// A tenant and Microsoft's own resources, and nothing else.
    pub fn empty(tenant_id: impl Into<String>, domain: impl Into<String>) -> Self {
        Self {
            tenants: vec![super::Tenant { id: tenant_id.into(), domain: domain.into() }],
            apps: first_party::resources(),
            users: Vec::new(),
            consents: Vec::new(),
            policies: Vec::new(),
            issuers: Vec::new(),
            managed_identities: Vec::new(),
            lifetimes: super::Lifetimes::default(),
        }
    }

    fn checked(mut self) -> Result<Self, DirectoryError> {
        for resource in first_party::resources() {
            // A file that lists one of them itself means its own.
            if !self.apps.iter().any(|app| app.client_id.eq_ignore_ascii_case(&resource.client_id)) {
                self.apps.push(resource);
            }
        }
        let problems = self.problems();
        if problems.is_empty() { Ok(self) } else { Err(DirectoryError { problems }) }
    }

    /// References that lead nowhere, and ids that are not ids.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut need = |there: bool, place: String, what: &str| {
            if !there {
                problems.push(format!("{place}: no such {what}"));
            }
        };
        need(!self.tenants.is_empty(), "tenants".into(), "tenant at all");
        for app in &self.apps {
            let place = format!("app {}", app.label());
            need(uuid::Uuid::parse_str(&app.client_id).is_ok(), format!("{place}.client_id"), "GUID");
            need(
                matches!(app.access_token_version, 1 | 2),
                format!("{place}.access_token_version"),
                "version",
            );
            for tenant in &app.tenants {
                need(self.tenant(tenant).is_some(), format!("{place}.tenants"), "tenant");
            }
            for pem in &app.certificates {
                need(
                    crate::certificate::der(pem).is_some(),
                    format!("{place}.certificates"),
                    "certificate in the PEM",
                );
            }
            for trusted in &app.trusted_subjects {
                let read = crate::certificate::der(&trusted.authority).is_some();
                need(read, format!("{place}.trusted_subjects"), "certificate in the PEM");
            }
            if let Some(blueprint) = &app.blueprint {
                need(self.app(blueprint).is_some(), format!("{place}.blueprint"), "app");
            }
            for federated in &app.federated {
                let known = federated.issuer == "entra" || self.issuer(&federated.issuer).is_some();
                need(known, format!("{place}.federated"), "issuer");
            }
        }
        for user in &self.users {
            let place = format!("user {}", user.name);
            if let Some(tenant) = &user.tenant {
                need(self.tenant(tenant).is_some(), format!("{place}.tenant"), "tenant");
            }
            if let Some(agent) = &user.agent {
                need(self.app(agent).is_some(), format!("{place}.agent"), "app");
            }
        }
        for consent in &self.consents {
            let place = format!("consent of {}", consent.client);
            need(self.app(&consent.client).is_some(), format!("{place}.client"), "app");
            need(self.app(&consent.resource).is_some(), format!("{place}.resource"), "app");
            if let Some(user) = &consent.user {
                need(self.user(user).is_some(), format!("{place}.user"), "user");
            }
        }
        for identity in &self.managed_identities {
            need(self.app(&identity.app).is_some(), format!("managed identity {}", identity.app), "app");
        }
        for policy in &self.policies {
            need(self.app(&policy.resource).is_some(), "policies.resource".into(), "app");
        }
        problems
    }
}

impl Default for Directory {
    #[expect(clippy::expect_used, reason = "the text comes with the crate; a test reads it")]
    fn default() -> Self {
        Self::from_toml(Self::READY_MADE).expect("the ready-made directory is in order")
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids;
    use super::*;

    #[test]
    fn the_ready_made_directory_has_the_published_ids() {
        let directory = Directory::default();
        assert_eq!(directory.tenants[0].id, ids::TENANT);
        assert_eq!(directory.tenants[1].id, ids::OTHER_TENANT);
        for (name, id) in [
            ("shop-api", ids::API),
            ("assistant-blueprint", ids::BLUEPRINT),
            ("agent-one", ids::AGENT),
            ("agent-two", ids::OTHER_AGENT),
            ("night-job", ids::DAEMON),
            ("browser", ids::BROWSER),
            ("host", ids::HOST),
            ("shared-identity", ids::SHARED_IDENTITY),
            ("orders", ids::ORDERS),
            ("partner", ids::PARTNER),
            ("payroll", ids::PAYROLL),
            ("safe", ids::SAFE),
        ] {
            assert_eq!(directory.app(name).map(|app| app.client_id.as_str()), Some(id), "{name}");
        }
        for (name, id, upn) in [
            ("alice", ids::ALICE, ids::ALICE_UPN),
            ("bob", ids::BOB, ids::BOB_UPN),
            ("maeve", ids::MAEVE, ids::MAEVE_UPN),
            ("agent-user", ids::AGENT_USER, ids::AGENT_USER_UPN),
        ] {
            let user = directory.user(name).unwrap();
            assert_eq!((user.object_id.as_str(), user.upn.as_str()), (id, upn));
        }
        assert!(directory.app("shop-api").unwrap().secrets[0].is(ids::API_SECRET));
        assert!(directory.app("assistant-blueprint").unwrap().secrets[0].is(ids::BLUEPRINT_SECRET));
        assert!(directory.app("night-job").unwrap().secrets[0].is(ids::DAEMON_SECRET));
        let registered = &directory.app("night-job").unwrap().certificates[0];
        assert_eq!(crate::certificate::der(registered), crate::certificate::der(ids::APP_CERTIFICATE));
    }

    #[test]
    fn every_problem_is_named_and_no_value_is_shown() {
        let error = Directory::from_toml(
            r#"
            [[tenants]]
            id = "t"
            [[apps]]
            name = "a"
            client_id = "not-a-guid"
            blueprint = "nowhere"
            secrets = ["s3cret"]
            [[consents]]
            client = "a"
            resource = "b"
            "#,
        )
        .unwrap_err()
        .to_string();
        assert_eq!(
            error,
            "the directory cannot be used: app a.client_id: no such GUID; app a.blueprint: no such app; \
             consent of a.resource: no such app"
        );
        let typo =
            Directory::from_toml("[[tenants]]\nid = \"t\"\nsecrte = \"s3cret\"").unwrap_err().to_string();
        assert!(typo.contains("line 3: unknown field `secrte`") && !typo.contains("s3cret"), "{typo}");
    }
}
